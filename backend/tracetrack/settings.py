"""Every setting of the installation, in one typed class, read from the environment.

What an admin changes while the warehouse works (time zone, label patterns, bag types)
lives in the database instead and is edited through the API.
"""

from __future__ import annotations

import datetime as dt
import difflib
import os
from collections.abc import Set as AbstractSet
from functools import lru_cache
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: where ``alembic/`` and ``frontend/dist`` are found."""


def _names(name: str) -> AliasChoices:
    """Accept the short name that platforms set (``PORT``) beside our prefixed one."""
    return AliasChoices(f"TRACETRACK_{name}", name)


REDIS_SCHEMES = frozenset({"redis", "rediss", "redis+sentinel", "unix"})


def _is_address(url: str, schemes: AbstractSet[str]) -> bool:
    """Whether this is a URL of one of these schemes with a place in it and numbers for ports."""
    try:
        parts = urlsplit(url)
        places = parts.netloc.rpartition("@")[2].split(",")
        for place in places:
            # Raises where the port is no number or the brackets of an IPv6 address are not closed.
            _ = urlsplit(f"//{place}").port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.netloc or parts.path.strip("/") or parts.query)


class Settings(BaseSettings):
    """``TRACETRACK_*`` environment variables; ``.env`` in the working folder is read too."""

    model_config = SettingsConfigDict(
        env_prefix="TRACETRACK_",
        env_file=".env",
        # NAME= in a compose or .env file means that it is not set.
        env_ignore_empty=True,
        extra="ignore",
        populate_by_name=True,
        frozen=True,
    )

    database_url: SecretStr | None = Field(default=None, validation_alias=_names("DATABASE_URL"))
    """``postgresql://user:password@host:port/name``; absent: our own embedded PostgreSQL."""
    migrate_url: SecretStr | None = None
    """The database as its owner, for migrations; absent: ``database_url`` is the owner itself."""
    pooler: bool = False
    """``database_url`` leads through PgBouncer in transaction mode: nothing is kept on a connection between
    transactions, prepared statements neither."""
    direct_url: SecretStr | None = None
    """The database past the pooler, for imports and exports, whose connections keep settings of their own;
    absent: ``database_url``."""
    replica_url: SecretStr | None = None
    """Streaming replicas for lists and reports, past any pooler; absent: all is read from the leader."""
    replica_wait_ms: int = Field(default=50, ge=0)
    """How long a list waits for a replica to have all that was committed before it was asked for."""
    redis_url: SecretStr | None = Field(default=None, validation_alias=_names("REDIS_URL"))
    """``redis://:password@host:port/0``, or ``redis+sentinel://:password@host:port,host:port/name`` for the
    master that Sentinels name; absent: our own, or none where it cannot be had."""
    pg_bin: Path | None = None
    """Folder with the PostgreSQL programs to run; absent: what pip installed, or the system's."""
    redis_bin: Path | None = None
    """The ``valkey-server`` or ``redis-server`` to run; absent: what pip installed, or the system's."""
    host: str = "0.0.0.0"  # noqa: S104 - phones on the warehouse network must reach it
    port: int = Field(default=8000, validation_alias=_names("PORT"), ge=0, le=65535)
    data: Path = ROOT / "data"
    """The folder TraceTrack owns: database, secrets, logs, uploads."""
    uploads: Path | None = None
    """Where imported files wait for their import: with several hosts a folder that all of them share;
    absent: in ``data``."""
    wal_archive: Path | None = None
    """A folder, best on another disk, that gets the embedded database's log as it is written: with it a
    backup is brought back to what it had got, a moment behind; absent: to the moment of the backup."""
    workers: int = Field(default_factory=lambda: max(1, min(4, os.cpu_count() or 1)), ge=1, le=64)
    forwarded_allow_ips: str = ""
    """Addresses of the reverse proxy whose ``X-Forwarded-*`` headers are believed; none by default."""
    public_url: str | None = None
    """How browsers reach the site (``https://bags.example``); https turns on ``__Host-`` cookies and HSTS."""
    code_hosts: list[str] = []
    """Hosts whose URLs on labels stand for their last path segment."""

    secret_key: SecretStr | None = None
    """Signs access tokens, at least 32 characters; absent: made, kept and renewed in the data folder."""
    signing_key_days: float = Field(default=90, gt=0)
    """How old a signing key of the data folder gets before another takes over."""
    secret_key_previous: SecretStr | None = None
    """The key before a change of ``secret_key``: for ``session_idle_hours``, so that nobody is signed out."""
    access_token_seconds: int = Field(default=600, ge=60, le=600)
    session_idle_hours: float = Field(default=24 * 7, gt=0)
    session_days: float = Field(default=30, gt=0)
    reauthentication_minutes: float = Field(default=15, gt=0)
    """How long after giving the password an admin may change roles and keys without giving it again."""
    bcrypt_rounds: int = Field(default=12, ge=4, le=16)
    password_threads: int = Field(default=2, ge=1, le=16)
    """How many passwords are hashed at once; each takes about a quarter of a second of one core."""
    sign_ins_per_minute: int = Field(default=60, ge=1)
    """Tries to sign in as one user from one address."""
    sign_ins_per_minute_address: int = Field(default=300, ge=1)
    """Tries to sign in, and wrong keys, from one address, which a whole warehouse may share."""
    refreshes_per_minute_address: int = Field(default=1_200, ge=1)
    """Refresh tokens that there are not, from one address to one worker."""
    requests_per_minute: int = Field(default=6_000, ge=1)
    """Requests of one user to one worker."""
    reports_per_minute: int = Field(default=600, ge=1)
    """Reports, exports and imports of one user."""
    reports_per_minute_address: int = Field(default=3_000, ge=1)
    """The same from one address."""

    admin_password: SecretStr | None = None
    """The first admin's password; absent: a one-time password is printed at the first start."""
    demo: bool = False
    demo_password: SecretStr | None = None

    wal_kept_mb: int = Field(default=1024, ge=0, le=2048)
    """WAL files that the embedded PostgreSQL makes in advance and keeps for reuse, in megabytes, so that
    scans beside an import need not wait for new ones; 0: none."""
    pool_size: int = Field(default=10, ge=1, le=200)
    """Database connections of each worker for scanning; so many scans are asked for at a time."""
    desk_pool_size: int = Field(default=4, ge=1, le=200)
    """Database connections of each worker for lists, reports and background jobs."""
    queue_ms: int = Field(default=150, ge=1)
    """How long a scan waits for its turn in a worker before it is told to come again (503)."""
    pool_timeout_seconds: float = Field(default=0.9, gt=0)
    """How long a request waits for a free connection, besides the second at most for its turn."""
    statement_timeout_ms: int = Field(default=5_000, ge=100)
    lock_timeout_ms: int = Field(default=2_000, ge=50)
    idle_in_transaction_timeout_ms: int = Field(default=10_000, ge=100)
    redis_timeout_ms: int = Field(default=20, ge=10)
    """A slower Redis is left alone: no answer may wait for it."""
    max_body_bytes: int = Field(default=1_048_576, ge=1_024)
    """The largest JSON body, in bytes; files have a limit of their own."""
    max_upload_bytes: int = Field(default=200 * 2**20, ge=1_024)
    """The largest file that an import takes, in bytes."""
    import_file_days: int = Field(default=30, ge=0, le=3650)
    """How long an imported file is kept, in days; its report stays."""
    shutdown_seconds: int = Field(default=10, ge=1)
    """How long a stopping worker may finish the requests it has."""
    background: bool = True
    """Seal the ledger and keep roll-ups in this process too; off: it answers requests and nothing else."""
    smtp_host: str | None = None
    """The mail server; absent: no mail is sent."""
    smtp_port: int = Field(default=587, ge=1, le=65535)
    smtp_security: Literal["starttls", "tls", "none"] = "starttls"
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    smtp_from: str | None = None
    """The sender; absent: ``smtp_user``."""
    report_mail_to: list[str] = []
    """Who gets the end-of-day report; nobody by default."""
    report_mail_at: dt.time = dt.time(20)
    """When, in the site's time zone."""
    report_mail_language: str = "en"

    log_level: str = "INFO"
    docs: bool = True
    """Serve ``/docs`` and ``/openapi.json``."""
    metrics: bool = True
    """Serve ``/metrics``."""
    metrics_token: SecretStr | None = None
    """What Prometheus must send as a bearer token; absent: whoever reaches the site may read ``/metrics``."""

    @field_validator("database_url", "migrate_url", "direct_url", "replica_url")
    @classmethod
    def _postgresql(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_address(url.get_secret_value(), {"postgresql", "postgres"}):
            raise ValueError("it must look like postgresql://user:password@host:5432/name")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not _is_address(url.get_secret_value(), REDIS_SCHEMES):
            raise ValueError(
                "it must look like redis://:password@host:6379/0"
                " or redis+sentinel://:password@host:26379,host:26379/name"
            )
        return url

    @field_validator("data", "uploads", "wal_archive")
    @classmethod
    def _whole(cls, path: Path | None) -> Path | None:
        """The same folder for everybody, wherever he works: ``.env`` knows no ``~``."""
        return path.expanduser().absolute() if path else path


@lru_cache
def get_settings() -> Settings:
    """The settings of this process, read once."""
    return Settings()


PREFIX = "TRACETRACK_"

OF_COMPOSE = frozenset({"TRACETRACK_OWNER_PASSWORD", "TRACETRACK_APP_PASSWORD"})
"""Names that ``docker-compose.yml`` reads from the same ``.env``."""


def unknown_settings() -> dict[str, str | None]:
    """Names of the environment and of ``.env`` that begin like a setting and are none.

    Returns:
        Each with the setting that was probably meant, or None where no name is like it.
    """
    known = {f"{PREFIX}{name}".upper() for name in Settings.model_fields}
    given = {name.upper() for name in (*os.environ, *dotenv_values(".env"))}
    unknown = sorted(name for name in given - known - OF_COMPOSE if name.startswith(PREFIX))
    return {name: next(iter(difflib.get_close_matches(name, known, 1, 0.8)), None) for name in unknown}
