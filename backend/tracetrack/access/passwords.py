"""Passwords: what may be one, and hashing that never stops the event loop.

A hash takes about a quarter of a second of one core, on purpose. So hashes are made in a few
threads of their own, with a short queue before them; beyond it people are asked to try again,
and the scanners go on working. There it is estimated too how soon a password is guessed.
"""

from __future__ import annotations

import asyncio
import threading
import unicodedata
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import ContextVar
from typing import ParamSpec, TypeVar

from passlib.context import CryptContext

from tracetrack.platform.problems import Problem
from tracetrack.settings import Settings

MAX_CHARACTERS = 256
MIN_CHARACTERS = 10
MAX_WAITING = 60
"""How much may wait for a thread; at two threads the last of so many hashes waits about 8 seconds."""

_FIRST_GUESSES = """
    0123456789 1111111111 1122334455 1234512345 1234567890 12345678910 1234567891 123456789a
    123123123123 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx3edc 9876543210 abcd123456 abcdefghij adminadmin
    admin12345 administrator asdfghjkl123 bhagwan123 changeme123 changemenow hindustan123 iloveindia
    iloveyou123 india12345 india123456 jaishreeram jaihind123 krishna123 letmein123 mypassword
    passw0rd123 password01 password12 password123 password1234 password12345 qwerty1234 qwerty12345
    qwerty123456 qwertyuiop qwertyuiop1 test123456 testtest123 tracetrack tracetrack1 tracetrack123
    warehouse1 warehouse123 welcome123 welcome1234 zaq12wsxcde3
"""

COMMON = frozenset(_FIRST_GUESSES.split())
"""Passwords of at least ten characters that guessers try first here; zxcvbn knows the world's."""
LEAST_GUESSES = 10_000
"""That a password must withstand, by the estimate of zxcvbn (Wheeler, USENIX Security 2016)."""
ESTIMATED_CHARACTERS = 16
"""At a time: the estimate takes a multiple for twice as many. A longer password is as strong as the stronger
of its first two parts."""

P = ParamSpec("P")
R = TypeVar("R")

_context = CryptContext(schemes=["bcrypt_sha256"])
_threads: ThreadPoolExecutor | None = None
_nobody: Future[str] | None = None
_places = 0
_taken = 0
_waiting: dict[bool, deque[asyncio.Future[None]]] = {True: deque(), False: deque()}
"""Those that wait for a thread: of known devices, and of strangers."""
# zxcvbn keeps what it is told of the user in a global; two at once would estimate with each other's.
_estimating = threading.Lock()


def open_passwords(settings: Settings) -> None:
    """Start the threads, after a test that long passwords count to their last character.

    Plain bcrypt stops at 72 bytes: 24 characters of Hindi.
    """
    global _context, _threads, _nobody, _places
    quick = CryptContext(schemes=["bcrypt_sha256"], bcrypt_sha256__rounds=4)
    hindi = "गोदाम-का-पासवर्ड" * 4
    hashed = quick.hash(hindi)
    if not quick.verify(hindi, hashed) or quick.verify(hindi[:24], hashed):
        raise RuntimeError("the password library fails its self-test")
    _context = CryptContext(schemes=["bcrypt_sha256"], bcrypt_sha256__rounds=settings.bcrypt_rounds)
    _threads = ThreadPoolExecutor(settings.password_threads, "password")
    _places = settings.password_threads
    for queue in _waiting.values():
        queue.clear()
    # Compared with when there is no such user, so that the answer takes as long.
    _nobody = _threads.submit(_context.hash, "nobody has this password")


def close_passwords() -> None:
    """Stop the threads; hashes that still wait are given up."""
    global _threads
    if _threads is not None:
        _threads.shutdown(wait=False, cancel_futures=True)
    _threads = None


preferred: ContextVar[bool] = ContextVar("preferred", default=True)
"""Whether a password goes before those of strangers: its browser signed its user in before, or somebody who
is signed in sent it. So guessers, from however many addresses, keep none of these out."""


async def _in_thread(work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    global _taken
    if _threads is None:
        raise RuntimeError("passwords are not open")
    queue = _waiting[preferred.get()]
    if _taken < _places:
        _taken += 1
    elif len(queue) < MAX_WAITING:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                _pass_on()
            raise
    else:
        raise Problem("busy", headers={"Retry-After": "5"})
    try:
        return await asyncio.wrap_future(_threads.submit(work, *args, **kwargs))
    finally:
        _pass_on()


def _pass_on() -> None:
    """Give a thread to whoever waits, strangers last."""
    global _taken
    for queue in (_waiting[True], _waiting[False]):
        while queue:
            turn = queue.popleft()
            if not turn.done():
                turn.set_result(None)
                return
    _taken -= 1


def _canonical(password: str) -> str:
    """The same text whatever keyboard composed it."""
    return unicodedata.normalize("NFC", password)


def _hash(password: str) -> str:
    return str(_context.hash(_canonical(password)))


def hash_now(password: str, rounds: int) -> str:
    """The hash of a password, made in the calling thread: for commands, which serve nobody."""
    context = CryptContext(schemes=["bcrypt_sha256"], bcrypt_sha256__rounds=rounds)
    return str(context.hash(_canonical(password)))


async def hash_password(password: str) -> str:
    """The hash of a password, to be stored.

    Raises:
        Problem: ``busy`` when too many wait already.
    """
    return await _in_thread(_hash, password)


async def verify_password(password: str, hashed: str | None) -> bool:
    """Whether the password has this hash; without a hash no, after the same time.

    Raises:
        Problem: ``busy`` when too many wait already.
    """
    if len(password) > MAX_CHARACTERS or _nobody is None:
        return False
    compared = hashed if hashed is not None else await asyncio.wrap_future(_nobody)
    right = await _in_thread(_context.verify, _canonical(password), compared)
    return right and hashed is not None


def _soon_guessed(password: str, username: str) -> bool:
    # Its words take a tenth of a second to load, and most processes never ask.
    from zxcvbn import zxcvbn

    about = [username, "tracetrack", "warehouse"]
    # What is written several times is as strong as once.
    password = password[: (password * 2).find(password, 1)]
    parts = password[:ESTIMATED_CHARACTERS], password[ESTIMATED_CHARACTERS : 2 * ESTIMATED_CHARACTERS]
    with _estimating:
        return not any(part and zxcvbn(part, user_inputs=about)["guesses"] >= LEAST_GUESSES for part in parts)


def _refuse_obvious(password: str, username: str) -> None:
    """Refuse what is known to be weak without an estimate. Both arguments are canonical."""
    folded = password.casefold()
    if len(password) > MAX_CHARACTERS:
        raise Problem(
            "weak_password", f"A password has at most {MAX_CHARACTERS} characters.", reason="too_long"
        )
    if len(password) < MIN_CHARACTERS:
        raise Problem("weak_password", reason="too_short")
    # The name counts for nothing: what stands beside it must carry the password alone.
    beside = folded.replace(username.casefold(), "")
    if beside != folded and len(beside) < 8:
        raise Problem(
            "weak_password", "The password must not be the name with a few characters.", reason="name"
        )
    if folded in COMMON or len(set(folded)) < 4:
        raise _common()


def _common() -> Problem:
    return Problem("weak_password", "This password is one of the first that are guessed.", reason="common")


async def refuse_weak(password: str, username: str) -> None:
    """Refuse a password that is soon guessed.

    Raises:
        Problem: ``weak_password`` with the reason, ``busy`` when too many wait already.
    """
    password = _canonical(password)
    _refuse_obvious(password, username)
    if await _in_thread(_soon_guessed, password, username):
        raise _common()


def refuse_weak_now(password: str, username: str) -> None:
    """The same for a command, which has no threads: the estimate takes a tenth of a second.

    Raises:
        Problem: ``weak_password`` with the reason.
    """
    password = _canonical(password)
    _refuse_obvious(password, username)
    if _soon_guessed(password, username):
        raise _common()
