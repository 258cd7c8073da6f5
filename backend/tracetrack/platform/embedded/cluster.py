"""The files and settings of an embedded PostgreSQL: made at the first start."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
from pathlib import Path

import psutil

from tracetrack.platform.embedded.binaries import RunAs, clean_environment, give
from tracetrack.platform.embedded.processes import StartError, after_fork

SUPERUSER = "postgres"


def create(cluster: Path, binaries: Path, major: int, password: str, run_as: RunAs, *, sync: bool) -> None:
    """Make a cluster. It gets its name only when whole, so an interrupted one is no hindrance."""
    unfinished = cluster.with_name(cluster.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(mode=0o700)
    give(unfinished, run_as)
    # The builtin provider sorts alike on every system; before 17 the C library's has to do.
    locale = (
        ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]
        if major >= 17
        else ["--locale=C.UTF-8"]
    )
    # The password goes in by a pipe: no file holds it, not even for a moment.
    read, write = os.pipe()
    if run_as.uid is not None and run_as.gid is not None:
        os.fchown(read, run_as.uid, run_as.gid)
    os.write(write, password.encode() + b"\n")
    os.close(write)
    try:
        result = subprocess.run(  # noqa: S603
            [
                binaries / "initdb",
                *("-D", unfinished, "-U", SUPERUSER, "-E", "UTF8", "--data-checksums"),
                *("--auth=scram-sha-256", f"--pwfile=/dev/fd/{read}", *locale),
                *([] if sync else ["--no-sync"]),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=clean_environment(),
            pass_fds=(read,),
            user=run_as.uid,
            group=run_as.gid,
            extra_groups=[] if run_as.uid is not None else None,
            preexec_fn=after_fork(signal.SIGKILL, new_user=run_as.new_user),
        )
    finally:
        os.close(read)
    if result.returncode != 0:
        why = (result.stderr.strip().splitlines() or ["no reason given"])[-1]
        shutil.rmtree(unfinished, ignore_errors=True)
        raise StartError(f"The embedded database could not be created in {cluster}: {why}")
    unfinished.replace(cluster)


def _memory_bytes() -> int:
    """What this machine or container may use."""
    total: int = psutil.virtual_memory().total
    for place in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int(Path(place).read_text()))
    return total


def options_for(connections: int, *, throwaway: bool, wal_kept_mb: int = 0) -> dict[str, str]:
    """Server settings, from the size of the machine."""
    megabytes = _memory_bytes() // 2**20
    options = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "password_encryption": "scram-sha-256",
        "max_connections": str(connections),
        "shared_buffers": f"{min(1024, max(64, megabytes // 8))}MB",
        "effective_cache_size": f"{max(128, megabytes // 2)}MB",
        "maintenance_work_mem": f"{min(256, max(32, megabytes // 32))}MB",
        "work_mem": f"{min(16, max(4, megabytes // 256))}MB",
        "wal_level": "replica",
        "wal_compression": "pglz",
        "max_wal_size": "2GB",
        # Used WAL files are kept for the next import; see prepare_wal.
        "min_wal_size": f"{max(256, wal_kept_mb)}MB",
        # An archive that is away for long must not fill the disk: then it begins anew with a backup.
        "max_slot_wal_keep_size": "8GB",
        "checkpoint_timeout": "10min",
        "random_page_cost": "1.1",
        "jit": "off",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "shared_preload_libraries": "pg_stat_statements",
        "track_io_timing": "on",
        "logging_collector": "on",
        "log_filename": "postgresql-%a.log",
        "log_rotation_age": "1d",
        "log_truncate_on_rotation": "on",
        "log_line_prefix": "%m [%p] %q%u@%d ",
        "log_min_duration_statement": "1s",
        # A slow statement is told without what it was asked with: that may be a secret.
        "log_parameter_max_length": "0",
        "log_lock_waits": "on",
    }
    if throwaway:
        options |= {
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "wal_level": "minimal",
            "max_wal_senders": "0",
            "shared_buffers": "64MB",
            "logging_collector": "off",
            "log_min_duration_statement": "-1",
        }
    return options
