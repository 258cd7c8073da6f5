"""What stands in files beside the code agrees with the code."""

from __future__ import annotations

import ast
import getpass
import re
import shutil
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest
import yaml

from tracetrack.settings import ROOT, Settings


def test_the_example_names_every_setting_and_no_other() -> None:
    text = (ROOT / ".env.example").read_text("utf-8")
    # Those of docker compose stand at its end.
    named = set(re.findall(r"^#([A-Z_]+)=", text.split("# --- docker compose")[0], re.MULTILINE))
    known = {
        name.upper() if name == "port" else f"TRACETRACK_{name.upper()}" for name in Settings.model_fields
    }
    assert named == known


def test_compose_has_no_default_for_any_secret_and_a_check_for_each_service() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    # What the cluster alone needs may be missing without it, so the cluster's own start asks for it.
    # A previous key and a mail server's password are for those who have them.
    optional = {"TRACETRACK_SECRET_KEY_PREVIOUS", "TRACETRACK_SMTP_PASSWORD"}
    start = (ROOT / "deploy/cluster/start.sh").read_text("utf-8")
    asked = optional | set(re.findall(r"\$\{(\w+):\?\}", start))
    for name in set(re.findall(r"\$\{(\w+)", text)):
        if re.search("PASSWORD|SECRET", name):
            said = set(re.findall(rf"\$\{{{name}(\W[^}}]*)\}}", text))
            assert said == {":?"} or (said == {":-"} and name in asked), name
    services = yaml.safe_load(text)["services"]
    # Where an image is made here, its check is in it.
    for name, service in services.items():
        if "healthcheck" not in service:
            built = service["build"]
            dockerfile = built.get("dockerfile") if isinstance(built, dict) else "Dockerfile"
            assert "HEALTHCHECK" in (ROOT / dockerfile).read_text("utf-8"), name


def in_build_context(path: str) -> bool:
    """Whether Docker sends this path to a build: the last line of .dockerignore that matches decides."""
    sent = True
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        kept = line.startswith("!")
        pattern = line.removeprefix("!").strip("/")
        parts = path.split("/")
        above = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        if any(PurePosixPath(part).match(pattern) for part in above if part.count("/") >= pattern.count("/")):
            sent = kept
    return sent


@pytest.mark.parametrize("dockerfile", ["Dockerfile", "deploy/cluster/Dockerfile"])
def test_what_an_image_copies_is_sent_to_its_build(dockerfile: str) -> None:
    text = (ROOT / dockerfile).read_text("utf-8")
    sources = [
        source
        for line in re.findall(r"^COPY (?!--from)(.+)$", text, re.MULTILINE)
        for source in line.split()[:-1]
    ]
    assert len(sources) >= 3
    for source in sources:
        files = [
            path for found in ROOT.glob(source) for path in ([found] if found.is_file() else found.iterdir())
        ]
        assert files, source
        assert any(in_build_context(str(path.relative_to(ROOT))) for path in files), source
    assert not in_build_context("data/postgres/base")
    assert not in_build_context("frontend/node_modules/preact/package.json")


def test_the_cluster_needs_only_what_running_needs() -> None:
    source = ast.parse((ROOT / "deploy/cluster/loopback.py").read_text("utf-8"))
    names = {
        alias.name for node in ast.walk(source) if isinstance(node, ast.Import) for alias in node.names
    } | {node.module or "" for node in ast.walk(source) if isinstance(node, ast.ImportFrom)}
    locked = set(
        re.findall(r"^([\w-]+)==", (ROOT / "backend/requirements.lock").read_text("utf-8"), re.MULTILINE)
    )
    for name in {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"tracetrack"}:
        assert name.replace("_", "-") in locked, name


def test_what_the_security_table_points_at_is_there() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    sources = {path: path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py")}
    paths = set(re.findall(r"`((?:tests|docs)/[\w/.-]+)", text))
    assert len(paths) > 20
    for path in paths:
        assert (ROOT / path).exists() or list(ROOT.glob(f"{path}*")), path
    for name in set(re.findall(r"\b(test_\w+)`", text)):
        assert any(f"def {name}(" in source for source in sources.values()), name
    for number in set(re.findall(r"`(\d{4})`", text)):
        assert list((ROOT / "docs/decisions").glob(f"{number}-*")), number


UNITS = sorted((ROOT / "deploy/systemd").iterdir())


@pytest.mark.where(shutil.which("systemd-analyze"))
def test_systemd_takes_the_units(tmp_path: Path) -> None:
    """As they are but for what this machine lacks: the program's place and the user."""
    program = Path(sys.executable).parent / "tracetrack"
    for unit in UNITS:
        text = unit.read_text("utf-8").replace("/opt/tracetrack/.venv/bin/tracetrack", str(program))
        text = re.sub("^(User)=.*$", rf"\1={getpass.getuser()}", text, flags=re.MULTILINE)
        (tmp_path / unit.name).write_text(re.sub("^Group=.*\n", "", text, flags=re.MULTILINE))
    files = [str(tmp_path / unit.name) for unit in UNITS]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *files], capture_output=True, text=True, check=False
    )
    said = [line for line in done.stderr.splitlines() if "tracetrack" in line]
    assert (done.returncode, said) == (0, [])


def test_the_units_run_commands_that_there_are_and_the_docs_install_all_of_them() -> None:
    commands = {"serve", "backup"}
    for unit in UNITS:
        for line in re.findall(r"^ExecStart=(.+)$", unit.read_text("utf-8"), re.MULTILINE):
            program, command = line.split()[:2]
            assert program == "/opt/tracetrack/.venv/bin/tracetrack"
            commands.remove(command)
    assert not commands
    docs = (ROOT / "docs/deploy.md").read_text("utf-8")
    assert "deploy/systemd/*" in docs
    for name in set(re.findall(r"`(TRACETRACK_\w+)`", docs)):
        assert name.removeprefix("TRACETRACK_").lower() in Settings.model_fields, name
    for path in set(re.findall(r"`(deploy/[\w/.-]+)`", docs)):
        assert (ROOT / path).exists(), path
