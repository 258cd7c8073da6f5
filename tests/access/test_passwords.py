"""Hashing: long passwords count whole, and nobody waits for somebody else's."""

import asyncio
import time

import pytest

from tests.floor import PASSWORD, Floor
from tracetrack.access import passwords
from tracetrack.platform.problems import Problem
from tracetrack.settings import Settings

HINDI = "गोदाम-का-पासवर्ड" * 4


@pytest.fixture
async def slow_hashes(settings: Settings):  # type: ignore[no-untyped-def]
    """The cost of real installations, about a quarter of a second each."""
    passwords.close_passwords()
    passwords.open_passwords(settings.model_copy(update={"bcrypt_rounds": 12}))
    yield
    passwords.close_passwords()
    passwords.open_passwords(settings)


async def test_the_end_of_a_long_password_counts(floor: Floor) -> None:
    hashed = await passwords.hash_password(HINDI)
    assert len(HINDI) == 64
    assert await passwords.verify_password(HINDI, hashed)
    for wrong in (HINDI[:24], HINDI[:63], HINDI + " "):
        assert not await passwords.verify_password(wrong, hashed)


async def test_256_characters_are_a_password_and_one_more_is_none(floor: Floor) -> None:
    longest = "अ1b" * 85 + "x"
    passwords.refuse_weak(longest, "north")
    hashed = await passwords.hash_password(longest)
    assert await passwords.verify_password(longest, hashed)
    assert not await passwords.verify_password(longest + "x", hashed)
    with pytest.raises(Problem) as refused:
        passwords.refuse_weak(longest + "x", "north")
    assert "256" in str(refused.value.detail)


async def test_a_password_is_the_same_however_the_keyboard_composed_it(floor: Floor) -> None:
    hashed = await passwords.hash_password("caf\u00e9 and more")
    assert await passwords.verify_password("cafe\u0301 and more", hashed)


async def test_without_a_hash_no_password_is_right(floor: Floor) -> None:
    assert not await passwords.verify_password("nobody has this password", None)


async def test_twenty_sign_ins_at_once_do_not_stop_the_event_loop(floor: Floor, slow_hashes: None) -> None:
    late: list[float] = []

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            late.append(time.perf_counter() - began - 0.01)

    ticking = asyncio.create_task(tick())
    wrong = {"username": "nobody", "password": "not the password"}
    answers = await asyncio.gather(*(floor.anyone.post("/auth/login", json=wrong) for _ in range(20)))
    ticking.cancel()
    assert {a.status_code for a in answers} == {401}
    assert len(late) > 50
    # One hash in the loop would make a tick a quarter of a second late, every time.
    assert sorted(late)[int(len(late) * 0.95)] < 0.1, sorted(late)[-5:]


async def test_too_many_at_once_are_asked_to_come_back(
    floor: Floor, slow_hashes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_places", 3)
    wrong = {"username": "nobody", "password": "not the password"}
    answers = await asyncio.gather(*(floor.anyone.post("/auth/login", json=wrong) for _ in range(12)))
    shed = [a for a in answers if a.status_code == 503]
    assert len(shed) == 9
    assert all(a.headers["retry-after"] and a.json()["code"] == "busy" for a in shed)
    right = {"username": "north", "password": PASSWORD}
    assert (await floor.anyone.post("/auth/login", json=right)).status_code == 200
