"""What stands in files beside the code agrees with the code."""

from __future__ import annotations

import re

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
