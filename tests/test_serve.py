"""``tracetrack serve`` as a person runs it: from nothing, stopped, killed, and in others' way."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pyotp
import pytest

from tests import retrying
from tests.lengths import length
from tests.totp import earlier_code
from tracetrack.platform.embedded.processes import free_port, running
from tracetrack.settings import unknown_settings

PASSWORD = "a password for the tests"

pytestmark = pytest.mark.slow


class Site:
    """One ``tracetrack serve`` on a data folder of its own."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.output = folder / "output.txt"
        self.port = int(settings.get("PORT") or free_port())
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        environment = {
            **kept,
            "TRACETRACK_DATA": str(folder / "data"),
            "TRACETRACK_HOST": "127.0.0.1",
            "TRACETRACK_WORKERS": "1",
            "TRACETRACK_BCRYPT_ROUNDS": "4",
            "TRACETRACK_WAL_KEPT_MB": "0",
            "TRACETRACK_ADMIN_PASSWORD": PASSWORD,
            "PORT": str(self.port),
            **settings,
        }
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from tracetrack.cli import app; app()", "serve"],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
            )
        self.environment, self.folder = environment, folder

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def words(self) -> str:
        return self.output.read_text("utf-8")

    def until_ready(self) -> Site:
        until = time.monotonic() + 60
        while "Ready: " not in self.words():
            assert self.process.poll() is None, self.words()
            assert time.monotonic() < until, self.words()
            time.sleep(0.05)
        return self

    def family(self) -> list[psutil.Process]:
        """Every process that it started."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def named(self, part: str) -> psutil.Process:
        """The child whose command line holds this word."""
        for child in psutil.Process(self.process.pid).children():
            # One that was killed may not be buried yet.
            with contextlib.suppress(psutil.NoSuchProcess):
                if part in " ".join(child.cmdline()):
                    return child
        raise AssertionError(f"no child is called {part}")

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(30)


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def start(**settings: str) -> Site:
        site = Site(tmp_path, **settings)
        sites.append(site)
        return site

    yield start
    for site in sites:
        if site.process.poll() is None:
            site.stop()


def gone(processes: list[psutil.Process]) -> bool:
    until = time.monotonic() + 60
    while any(running(process.pid) for process in processes):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def answers(url: str) -> bool:
    """Whether it can serve, within a minute."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if httpx.get(url + "/readyz", timeout=5).status_code == 200:
                return True
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    return False


@contextmanager
def signed_in(site: Site) -> Iterator[httpx.Client]:
    with retrying.sync_client(site.url + "/api/v1") as client:
        answer = client.post("/auth/login", json={"username": "admin", "password": PASSWORD})
        assert answer.status_code == 200, answer.text
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        yield client


@pytest.mark.parametrize("number", [signal.SIGTERM, *length(test=[], soak=[signal.SIGINT])])
def test_a_site_starts_from_nothing_and_stops_without_leaving_anything(
    serve: Callable[..., Site], number: signal.Signals
) -> None:
    site = serve().until_ready()
    assert httpx.get(site.url + "/readyz").status_code == 200
    assert httpx.get(site.url + "/healthz").status_code == 200
    family = site.family()
    assert len(family) >= 4
    assert site.stop(number) == 0
    assert not any(running(process.pid) for process in family)
    assert re.search(r"Stopped \(\d", site.words())
    assert "Traceback" not in site.words()
    assert PASSWORD not in site.words()


def test_a_killed_site_starts_again_with_all_it_had(serve: Callable[..., Site]) -> None:
    first = serve().until_ready()
    with signed_in(first) as client:
        assert client.post("/areas", json={"name": "North"}).status_code in (200, 201)
    family = first.family()
    first.stop(signal.SIGKILL)
    second = serve(PORT=str(first.port)).until_ready()
    assert gone(family)
    with signed_in(second) as client:
        assert [area["name"] for area in client.get("/areas").json()["items"]] == ["North"]


def test_what_dies_is_brought_back(serve: Callable[..., Site]) -> None:
    site = serve(TRACETRACK_WORKERS="2").until_ready()
    for part in ("tracetrack.platform.worker", "postgres", "valkey-server"):
        victim = site.named(part)
        victim.kill()
        assert gone([victim])
        assert answers(site.url), site.words()
    with signed_in(site) as client:
        assert client.get("/auth/me").status_code == 200
    until = time.monotonic() + 60
    while len(psutil.Process(site.process.pid).children()) < 4:
        assert time.monotonic() < until, site.words()
        time.sleep(0.05)


def run(site: Site, *words: str, code: int = 0) -> str:
    """A command of ``tracetrack`` beside the site; its output, or what it says when it fails."""
    command = [sys.executable, "-c", "from tracetrack.cli import app; app()", *words]
    done = subprocess.run(
        command, env=site.environment, cwd=site.folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stderr
    return done.stderr if code else done.stdout


def key_id(token: str) -> str:
    head = token.split(".")[0]
    return str(json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"])


def renewed(site: Site) -> None:
    """Reload the site, and wait until its old workers are gone."""
    told = site.words().count("Web workers are renewed")
    old = {process.pid for process in site.family() if "platform.worker" in " ".join(process.cmdline())}
    run(site, "reload")
    until = time.monotonic() + 60
    while site.words().count("Web workers are renewed") == told or old & {p.pid for p in site.family()}:
        assert time.monotonic() < until, site.words()
        time.sleep(0.1)


def test_a_key_in_the_settings_file_is_changed_by_a_reload_and_signs_nobody_out(
    serve: Callable[..., Site], tmp_path: Path
) -> None:
    first, second = "f" * 40, "s" * 40
    (tmp_path / ".env").write_text(f"TRACETRACK_SECRET_KEY={first}\n")
    site = serve().until_ready()
    with signed_in(site) as client:
        before = client.headers["authorization"].removeprefix("Bearer ")
        (tmp_path / ".env").write_text(
            f"TRACETRACK_SECRET_KEY={second}\nTRACETRACK_SECRET_KEY_PREVIOUS={first}\n"
        )
        renewed(site)
        assert client.get("/auth/me").status_code == 200
        with signed_in(site) as other:
            after = other.headers["authorization"].removeprefix("Bearer ")
            assert key_id(after) != key_id(before)
        # And without the previous one, what it signed is good no more.
        (tmp_path / ".env").write_text(f"TRACETRACK_SECRET_KEY={second}\n")
        renewed(site)
        assert client.get("/auth/me").status_code == 401


def test_a_leaked_key_is_forgotten_and_second_factors_stay(
    serve: Callable[..., Site], tmp_path: Path
) -> None:
    # In a folder that every command finds by itself: one that looked elsewhere would seal by other keys.
    site = serve(HOME=str(tmp_path), TRACETRACK_DATA="~/data").until_ready()
    with signed_in(site) as client:
        secret = client.post("/auth/totp").raise_for_status().json()["secret"]
        client.post("/auth/totp/confirm", json={"code": earlier_code(secret)}).raise_for_status()
        assert "forgotten" in run(site, "keys", "rotate", "--leaked")
        time.sleep(1.5)
        assert client.get("/auth/me").status_code == 401, "signed by the key that leaked"
        body = {"username": "admin", "password": PASSWORD, "totp": pyotp.TOTP(secret).now()}
        assert client.post("/auth/login", json=body).status_code == 200
    # While there is one that no key opens, nothing is changed: theirs may come back.
    keys = tmp_path / "data" / "signing_keys.json"
    keys.unlink()
    assert "No key opens the second factors of admin" in run(site, "keys", "rotate", "--leaked", code=1)
    assert len(json.loads(keys.read_text())) == 1
    assert not (tmp_path / "~").exists()


def refusal(site: Site) -> str:
    """What it said when it would not start: exit code 1 and no traceback."""
    assert site.process.wait(30) == 1, site.words()
    assert "Traceback" not in site.words()
    return site.words().splitlines()[-1]


def test_a_taken_port_is_told_in_a_sentence(serve: Callable[..., Site]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        assert refusal(serve(PORT=str(port))).startswith(f"Port {port} cannot be used")


def test_a_folder_that_cannot_be_written_is_told_in_a_sentence(
    serve: Callable[..., Site], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    words = refusal(serve(TRACETRACK_DATA=str(tmp_path / "file" / "data")))
    assert "cannot be written" in words
    assert "TRACETRACK_DATA" in words


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TRACETRACK_WORKERS", "many"),
        ("TRACETRACK_DATABASE_URL", "nonsense"),
        ("TRACETRACK_DATABASE_URL", "mysql://root:secret@localhost/bags"),
        ("TRACETRACK_DATABASE_URL", "postgresql://app:secret@localhost:port/bags"),
        ("TRACETRACK_REPLICA_URL", "localhost"),
        ("TRACETRACK_REDIS_URL", "nonsense"),
        ("TRACETRACK_REDIS_URL", "redis+sentinel://:secret@one:26379,two:many/name"),
    ],
)
def test_a_wrong_setting_is_named(serve: Callable[..., Site], name: str, value: str) -> None:
    said = refusal(serve(**{name: value}))
    assert name in said
    assert "secret" not in said


def test_the_first_admins_password_is_as_good_as_any(serve: Callable[..., Site]) -> None:
    assert "TRACETRACK_ADMIN_PASSWORD" in refusal(serve(TRACETRACK_ADMIN_PASSWORD="short"))


def test_a_setting_that_does_not_exist_is_warned_about(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TRACETRACK_WORKRES", "3")
    (tmp_path / ".env").write_text("TRACETRACK_APP_PASSWORD=compose\nTRACETRACK_ZEBRA=1\nSMTP=2\n")
    found = unknown_settings()
    assert found["TRACETRACK_WORKRES"] == "TRACETRACK_WORKERS"
    assert found["TRACETRACK_ZEBRA"] is None
    assert found.keys().isdisjoint({"TRACETRACK_APP_PASSWORD", "SMTP"})


def test_an_unreachable_cache_is_no_reason_not_to_serve(serve: Callable[..., Site]) -> None:
    site = serve(TRACETRACK_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0").until_ready()
    with signed_in(site) as client:
        assert client.get("/auth/me").status_code == 200


def test_two_sites_do_not_share_a_folder(serve: Callable[..., Site], tmp_path: Path) -> None:
    first = serve().until_ready()
    second = Site(tmp_path / "data", TRACETRACK_DATA=str(tmp_path / "data"))
    assert f"process {first.process.pid}" in refusal(second)
    assert answers(first.url)
