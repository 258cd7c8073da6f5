"""The site's signing keys, in a private file of the data folder; any worker may change them while all work.

A new key signs only once every worker has had time to read it, and the one before it stays good for as
long as a session lasts. So a change signs nobody out and asks for no restart.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from secrets import token_urlsafe

from tracetrack.platform.embedded.processes import write_private

HEARD_SECONDS = 15.0
"""After so long a new key signs; workers look for it every second."""


@dataclass(frozen=True)
class Key:
    """A signing key and since when it signs, in seconds since 1970."""

    key: str
    since: float


class Keyring:
    """The keys of one data folder.

    Args:
        folder: the data folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "signing_keys.json"

    def stamp(self) -> int:
        """Changes whenever the keys do."""
        try:
            return self.path.stat().st_mtime_ns
        except FileNotFoundError:
            return 0

    def load(self) -> list[Key]:
        """Every key, the newest first; the first one is made when there is none."""
        with suppress(FileNotFoundError):
            return self._read()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._alone():
            with suppress(FileNotFoundError):
                return self._read()
            self._write([Key(self._earlier() or token_urlsafe(48), 0.0)])
        return self._read()

    def rotate(self, keep_days: float) -> Key:
        """Make a new key; those that were replaced more than ``keep_days`` ago are forgotten."""
        self.load()
        with self._alone():
            keys = self._read()
            now = time.time()
            made = Key(token_urlsafe(48), now + HEARD_SECONDS)
            # A key is replaced when the next one begins to sign.
            replaced = [now, *(key.since for key in keys)]
            kept = [
                key for key, until in zip(keys, replaced, strict=False) if until > now - keep_days * 86_400
            ]
            self._write([made, *kept])
        return made

    def forget_old(self) -> None:
        """Keep the key that signs alone: what an earlier one signed or sealed is good no more."""
        with self._alone():
            now = time.time()
            keys = self._read()
            self._write([next((key for key in keys if key.since <= now), keys[-1])])

    def rotate_if_older(self, days: float, keep_days: float) -> bool:
        """Make a new key when the newest has signed for so long; of several workers one does."""
        age = time.time() - self._age_of(self.load())
        # One of tomorrow was made while the clock was ahead, and would never grow old.
        if -86_400 < age < days * 86_400:
            return False
        self.rotate(keep_days)
        return True

    def _age_of(self, keys: list[Key]) -> float:
        # The first key of all does not say since when.
        return keys[0].since or self.path.stat().st_mtime

    def _read(self) -> list[Key]:
        return [Key(**one) for one in json.loads(self.path.read_text("ascii"))]

    def _write(self, keys: list[Key]) -> None:
        write_private(self.path, json.dumps([asdict(key) for key in keys], indent=1))

    def _earlier(self) -> str | None:
        """The one key of a folder from before there were several."""
        with suppress(FileNotFoundError):
            return (self.folder / "secret_key").read_text("ascii").strip()
        with suppress(FileNotFoundError, ValueError):
            kept = json.loads((self.folder / "secrets.json").read_text("utf-8")).get("secret_key")
            return str(kept) if kept else None
        return None

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.folder / ".signing_keys.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
