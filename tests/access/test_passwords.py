"""Hashing: long passwords count whole, and nobody waits for somebody else's."""

import asyncio
import threading
import time

import pytest
from zxcvbn import matching

from tests.floor import PASSWORD, Floor
from tests.lengths import assert_fast, length
from tests.retrying import single_attempts
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
    await passwords.refuse_weak(longest, "north")
    hashed = await passwords.hash_password(longest)
    assert await passwords.verify_password(longest, hashed)
    assert not await passwords.verify_password(longest + "x", hashed)
    with pytest.raises(Problem) as refused:
        await passwords.refuse_weak(longest + "x", "north")
    assert "256" in str(refused.value.detail)


async def test_what_is_estimated_is_short_and_not_in_the_event_loop(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    estimated: list[tuple[int, bool]] = []

    def watched(password: str, user_inputs: list[str]) -> dict[str, float]:
        estimated.append((len(password), threading.current_thread() is threading.main_thread()))
        return {"guesses": 1e9}

    monkeypatch.setattr("zxcvbn.zxcvbn", watched)
    new = {"username": "new", "role": "dispatcher", "area_id": floor.areas["North"]}
    long = "4@8({[<369&#" * 21 + "x"
    change = {"current_password": PASSWORD, "new_password": long}
    answers = [
        await floor.admin.post("/users", {**new, "password": long}),
        await floor.admin.patch(f"/users/{floor.south.id}", {"password": long}),
        await floor.north.post("/auth/password", change),
        # Longer than a password may be: not estimated at all.
        await floor.admin.patch(f"/users/{floor.south.id}", {"password": long * 2}),
    ]
    assert [a.status_code for a in answers] == [201, 200, 200, 422]
    assert estimated == [(passwords.ESTIMATED_CHARACTERS, False)] * 3


@pytest.mark.parametrize(
    ("long", "weak"),
    [
        ("passwordpasswordpassword", True),
        ("manchestermanchestermanchester", True),
        ("passwordpassword then the red door opens", False),
        ("the red door opens passwordpassword", False),
    ],
)
async def test_a_long_password_is_as_strong_as_its_stronger_part(floor: Floor, long: str, weak: bool) -> None:
    refused = await asyncio.gather(passwords.refuse_weak(long, "north"), return_exceptions=True)
    assert getattr(refused[0], "code", None) == ("weak_password" if weak else None)


async def test_each_estimate_knows_its_own_users_name(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    """zxcvbn keeps the name in a global, and several threads ask it."""
    find = matching.omnimatch

    def slowly(password: str, *known: object) -> object:
        time.sleep(0.01)
        return find(password, *known)

    monkeypatch.setattr(matching, "omnimatch", slowly)
    names = [f"zoe{n}quixotic" for n in range(20)]
    refused = await asyncio.gather(
        *(passwords.refuse_weak(name[::-1], name) for name in names), return_exceptions=True
    )
    assert [getattr(one, "code", one) for one in refused] == ["weak_password"] * len(names)


async def test_a_password_is_the_same_however_the_keyboard_composed_it(floor: Floor) -> None:
    hashed = await passwords.hash_password("caf\u00e9 and more")
    assert await passwords.verify_password("cafe\u0301 and more", hashed)


async def test_without_a_hash_no_password_is_right(floor: Floor) -> None:
    assert not await passwords.verify_password("nobody has this password", None)


async def test_sign_ins_at_once_do_not_stop_the_event_loop(floor: Floor, slow_hashes: None) -> None:
    late: list[float] = []

    async def tick() -> None:
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.01)
            late.append(time.perf_counter() - began - 0.01)

    ticking = asyncio.create_task(tick())
    wrong = {"username": "nobody", "password": "not the password"}
    answers = await asyncio.gather(
        *(floor.anyone.post("/auth/login", json=wrong) for _ in range(length(test=5, soak=20)))
    )
    ticking.cancel()
    assert {a.status_code for a in answers} == {401}
    assert_fast(sorted(late)[int(len(late) * 0.95)], 0.1, "event loop late while hashing, p95 s")


async def test_too_many_at_once_are_asked_to_come_back(
    floor: Floor, slow_hashes: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_places", 1)
    monkeypatch.setattr(passwords, "MAX_WAITING", 2)
    wrong = [{"username": f"nobody-{n}", "password": "not the password"} for n in range(12)]
    with single_attempts():
        answers = await asyncio.gather(*(floor.anyone.post("/auth/login", json=body) for body in wrong))
    shed = [a for a in answers if a.status_code == 503]
    assert 5 <= len(shed) <= 9
    assert all(a.headers["retry-after"] and a.json()["code"] == "busy" for a in shed)
    right = {"username": "north", "password": PASSWORD}
    assert (await floor.anyone.post("/auth/login", json=right)).status_code == 200
