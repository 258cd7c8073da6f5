"""The servers that TraceTrack brings with it: they start, survive being killed, and let nobody in."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tracetrack.platform.embedded import binaries, postgres, processes, valkey
from tracetrack.platform.embedded.processes import Remembered, StartError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


def start(folder: Path) -> postgres.Postgres:
    # As in earnest, fsync and all, since it is killed here.
    return postgres.start(folder, Remembered(folder / "secrets.json"), connections=20)


@pytest.fixture
def server(folder: Path) -> Iterator[postgres.Postgres]:
    running = start(folder)
    yield running
    running.stop()


def test_a_young_server_has_its_log_files_before_they_are_needed(folder: Path) -> None:
    running = postgres.start(folder, Remembered(folder / "secrets.json"), connections=20, wal_kept_mb=160)
    try:
        wal = running.folder / "pg_wal"

        def ahead() -> int:
            current = running.sql("select pg_walfile_name(pg_current_wal_lsn())").strip()
            return sum(len(file.name) == 24 and file.name > current for file in wal.iterdir())

        until = time.monotonic() + 60
        while ahead() < 8:
            assert time.monotonic() < until, ahead()
            time.sleep(0.05)
    finally:
        running.stop()


async def test_the_application_may_use_the_database_and_not_own_it(server: postgres.Postgres) -> None:
    owner = await asyncpg.connect(server.url(postgres.OWNER))
    await owner.execute("create table things (id int); grant select, insert on things to tracetrack_app")
    app = await asyncpg.connect(server.url())
    await app.execute("insert into things values (1)")
    await app.execute("create temp table staging (code text)")
    for forbidden in (
        "delete from things",
        "truncate things",
        "drop table things",
        "alter table things disable trigger all",
        "create table mine (id int)",
        "set role tracetrack_owner",
        "set session_replication_role = replica",
    ):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await app.execute(forbidden)
    rights = await owner.fetch("""
        select rolname, rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls as mighty
        from pg_roles where rolname like 'tracetrack%' order by 1""")
    # The one that copies the server may read no table.
    assert {row["rolname"]: row["mighty"] for row in rights} == {
        "tracetrack_app": False,
        "tracetrack_backup": True,
        "tracetrack_owner": False,
        "tracetrack_report": False,
    }
    for role in ("tracetrack_backup", "tracetrack_report"):
        refused = await owner.fetch(
            "select 1 from information_schema.role_table_grants where grantee = $1 and table_name = 'things'",
            role,
        )
        assert not refused
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await asyncpg.connect(server.url("tracetrack_backup"))
    await app.close()
    await owner.close()


async def test_nothing_acknowledged_is_given_up_for_speed(server: postgres.Postgres) -> None:
    app = await asyncpg.connect(server.url())
    settings = {
        name: await app.fetchval(f"show {name}")
        for name in ("fsync", "synchronous_commit", "full_page_writes", "data_checksums", "TimeZone", "jit")
    }
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "data_checksums": "on",
        "TimeZone": "UTC",
        "jit": "off",
    }
    assert (
        await app.fetchval("select count(*) from pg_extension where extname = any($1)", postgres.EXTENSIONS)
        == 2
    )
    await app.close()


async def test_only_the_right_password_gets_in(server: postgres.Postgres, folder: Path) -> None:
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(server.url().replace(server.passwords[postgres.APP], "guess"))
    assert (folder / "secrets.json").stat().st_mode & 0o777 == 0o600
    assert server.folder.stat().st_mode & 0o077 == 0
    listening = [
        line.laddr.ip
        for line in psutil.Process(server.process.pid).net_connections()
        if line.status == psutil.CONN_LISTEN
    ]
    assert set(listening) == {"127.0.0.1"}


async def test_a_killed_server_comes_back_with_what_was_committed(folder: Path) -> None:
    server = start(folder)
    port = server.port
    owner = await asyncpg.connect(server.url(postgres.OWNER))
    await owner.execute("create table kept as select generate_series(1, 1000) as id")
    server.process.kill()
    server.restart()
    owner = await asyncpg.connect(server.url(postgres.OWNER))
    assert await owner.fetchval("select count(*) from kept") == 1000
    await owner.close()
    server.stop()
    again = start(folder)
    try:
        assert again.port == port
        owner = await asyncpg.connect(again.url(postgres.OWNER))
        assert await owner.fetchval("select count(*) from kept") == 1000
        await owner.close()
    finally:
        again.stop()


def test_a_server_left_running_is_taken_over(folder: Path) -> None:
    left = start(folder)
    again = start(folder)
    try:
        assert left.process.wait(10) is not None
        assert again.alive()
        assert again.sql("select 1") == "1\n"
    finally:
        again.stop()


def test_a_pid_file_whose_number_went_to_another_program_is_no_hindrance(folder: Path) -> None:
    server = start(folder)
    server.process.kill()
    server.process.wait()
    stranger = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        pid_file = server.folder / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
        until = time.monotonic() + 5
        while any(postgres._works_in(process, server.folder) for process in psutil.process_iter()):
            assert time.monotonic() < until
            time.sleep(0.05)
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        again = start(folder)
        assert stranger.poll() is None
        again.stop()
    finally:
        stranger.kill()
        stranger.wait()


def test_a_taken_port_is_exchanged_for_another(folder: Path) -> None:
    server = start(folder)
    port = server.port
    server.stop()
    with socket.create_server(("127.0.0.1", port)):
        again = start(folder)
        assert again.port != port
        again.stop()


def test_an_interrupted_first_start_is_begun_anew(folder: Path) -> None:
    unfinished = folder / f"postgresql-{binaries.version(binaries.find_binaries())}.new"
    unfinished.mkdir()
    (unfinished / "PG_VERSION").write_text("18")
    server = start(folder)
    assert server.alive()
    server.stop()


@pytest.mark.where(sys.platform.startswith("linux"))
def test_servers_die_with_the_process_that_started_them(folder: Path) -> None:
    script = textwrap.dedent("""
        import sys, time
        from pathlib import Path
        from tracetrack.platform.embedded import postgres, valkey
        from tracetrack.platform.embedded.processes import Remembered
        folder = Path(sys.argv[1])
        kept = Remembered(folder / "secrets.json")
        print(postgres.start(folder, kept).process.pid, valkey.start(folder, kept).process.pid, flush=True)
        time.sleep(60)
    """)
    parent = subprocess.Popen([sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pids = [int(word) for word in parent.stdout.readline().split()]
    assert len(pids) == 2
    assert all(processes.running(pid) for pid in pids)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    until = time.monotonic() + 20
    while any(processes.running(pid) for pid in pids):
        assert time.monotonic() < until, "a server outlived its parent"
        time.sleep(0.05)


@pytest.mark.where(os.geteuid() == 0)
async def test_root_without_user_namespaces_runs_it_as_another_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_namespace_works", lambda _: False)
    # As where the package lies in root's home: the binaries have to be copied.
    reach = binaries._can_reach
    monkeypatch.setattr(
        binaries, "_can_reach", lambda path, run_as: "site-packages" not in str(path) and reach(path, run_as)
    )
    with postgres.throwaway(connections=20) as server:
        assert psutil.Process(server.process.pid).uids().real == server.run_as.uid != 0
        assert server.binaries.is_relative_to(server.folder.parent)
        app = await asyncpg.connect(server.url())
        assert await app.fetchval("select current_user") == "tracetrack_app"
        await app.close()


@pytest.mark.where(os.geteuid() == 0)
def test_root_is_told_when_the_other_user_cannot_get_in(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(binaries, "_namespace_works", lambda _: False)
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    (closed / "data").mkdir()
    with pytest.raises(StartError, match="TRACETRACK_DATA"):
        postgres.start(closed / "data", Remembered(closed / "data" / "secrets.json"))


AS_NOBODY = ["setpriv", "--reuid=65534", "--clear-groups", sys.executable, "-c"]


def root_can_become_nobody() -> bool:
    """Whether this is root, and this Python lies where a normal user can get to."""
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        return False
    return subprocess.run([*AS_NOBODY, "import tracetrack"], cwd="/", capture_output=True).returncode == 0


@pytest.mark.where(root_can_become_nobody())
def test_a_normal_user_runs_it_as_themselves(tmp_path_factory: pytest.TempPathFactory) -> None:
    script = textwrap.dedent("""
        import os
        import psutil
        from tracetrack.platform.embedded import postgres
        with postgres.throwaway(connections=20) as server:
            user = psutil.Process(server.process.pid).uids().real
            print(server.sql("select 1").strip(), user == os.getuid())
    """)
    result = subprocess.run(
        [*AS_NOBODY, script],
        cwd="/",
        capture_output=True,
        text=True,
        env={**os.environ, "TMPDIR": "/tmp"},
    )
    assert result.stdout == "1 True\n", result.stderr


def test_without_any_postgresql_one_sentence_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "_runs", lambda _: False)
    with pytest.raises(StartError, match="DATABASE_URL"):
        binaries.find_binaries()


def test_a_chosen_folder_without_postgresql_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="TRACETRACK_PG_BIN"):
        binaries.find_binaries(tmp_path)


@pytest.mark.where(any(Path("/usr/lib/postgresql").glob("*/bin/initdb")))
def test_the_systems_postgresql_will_do(folder: Path) -> None:
    newest = max(Path("/usr/lib/postgresql").glob("*/bin"))
    server = postgres.start(folder, Remembered(folder / "secrets.json"), binaries=newest, connections=20)
    assert server.sql("select 1") == "1\n"
    server.stop()


def test_valkey_answers_those_with_the_password_alone(folder: Path) -> None:
    kept = Remembered(folder / "secrets.json")
    server = valkey.start(folder, kept)
    try:
        with redis.Redis.from_url(server.url) as client:
            assert client.set("a", "1")
        at_once = Retry(NoBackoff(), 0)
        stranger = redis.Redis(port=server.port, retry=at_once)
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.get("a")
        server.process.send_signal(signal.SIGKILL)
        server.restart()
        with redis.Redis.from_url(server.url) as client:
            assert client.get("a") is None
    finally:
        server.stop()
    again = valkey.start(folder, kept)
    assert again.url == server.url
    again.stop()


def test_a_valkey_left_running_is_ended(folder: Path) -> None:
    kept = Remembered(folder / "secrets.json")
    left = valkey.start(folder, kept)
    again = valkey.start(folder, kept)
    assert left.process.wait(10) is not None
    assert again.port == left.port
    again.stop()


def test_secrets_are_made_once_and_are_private(folder: Path) -> None:
    path = folder / "secrets.json"
    first = Remembered(path)
    assert len(first.secret("key")) >= 43
    assert Remembered(path).secret("key") == first.secret("key")
    assert first.secret("other") != first.secret("key")
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{")
    with pytest.raises(StartError, match=r"secrets\.json"):
        Remembered(path)
