"""Attacks on access tokens: whatever is odd is a 401."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from jose import jwt

from tests.floor import Floor
from tracetrack.access import tokens
from tracetrack.access.keyring import HEARD_SECONDS, Keyring
from tracetrack.platform.problems import Problem
from tracetrack.settings import Settings


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def unpack(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    header, claims, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(p + "==")) for p in (header, claims))  # type: ignore[return-value]


def sign(header: dict[str, Any], claims: dict[str, Any], key: str, digest: str = "sha256") -> str:
    text = f"{part(header)}.{part(claims)}"
    signature = hmac.new(key.encode(), text.encode(), getattr(hashlib, digest)).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


Forge = Callable[[dict[str, Any], dict[str, Any], str, str], str]


def without(values: dict[str, Any], name: str) -> dict[str, Any]:
    return {k: v for k, v in values.items() if k != name}


def last_bit(token: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(token[-1]) ^ 1]


ATTACKS: dict[str, Forge] = {
    "no algorithm": lambda h, c, k, t: f"{part({**h, 'alg': 'none'})}.{part(c)}.",
    "no algorithm, old signature": lambda h, c, k, t: (
        f"{part({**h, 'alg': 'none'})}.{part(c)}.{t.split('.')[2]}"
    ),
    "None in capitals": lambda h, c, k, t: sign({**h, "alg": "None"}, c, k),
    "another algorithm": lambda h, c, k, t: sign({**h, "alg": "HS384"}, c, k, "sha384"),
    "another algorithm, same length": lambda h, c, k, t: sign({**h, "alg": "RS256"}, c, k),
    "part of the algorithm's name": lambda h, c, k, t: sign({**h, "alg": "HS"}, c, k),
    "algorithm in lower case": lambda h, c, k, t: sign({**h, "alg": "hs256"}, c, k),
    "algorithm missing": lambda h, c, k, t: sign(without(h, "alg"), c, k),
    "empty signature": lambda h, c, k, t: t.rsplit(".", 1)[0] + ".",
    "no signature": lambda h, c, k, t: t.rsplit(".", 1)[0],
    "another key": lambda h, c, k, t: sign(h, c, "another" * 8),
    "empty key": lambda h, c, k, t: sign(h, c, ""),
    "unknown key id": lambda h, c, k, t: sign({**h, "kid": "0" * 16}, c, k),
    "key id of a path": lambda h, c, k, t: sign({**h, "kid": "../../dev/null"}, c, ""),
    "key id of SQL": lambda h, c, k, t: sign({**h, "kid": "x' union select 'k"}, c, "k"),
    "key id that cannot be looked up": lambda h, c, k, t: sign({**h, "kid": ["x"]}, c, k),
    "key id null": lambda h, c, k, t: sign({**h, "kid": None}, c, k),
    "key id missing": lambda h, c, k, t: sign(without(h, "kid"), c, k),
    "key in the header": lambda h, c, k, t: sign({**h, "jwk": {"kty": "oct", "k": "eA"}}, c, "x"),
    "key address in the header": lambda h, c, k, t: sign({**h, "jku": "https://evil.example"}, c, k),
    "unknown critical header": lambda h, c, k, t: sign({**h, "crit": ["x"], "x": 1}, c, k),
    "compressed": lambda h, c, k, t: sign({**h, "zip": "DEF"}, c, k),
    "no exp": lambda h, c, k, t: sign(h, without(c, "exp"), k),
    "exp null": lambda h, c, k, t: sign(h, {**c, "exp": None}, k),
    "exp text": lambda h, c, k, t: sign(h, {**c, "exp": str(c["exp"])}, k),
    "exp true": lambda h, c, k, t: sign(h, {**c, "exp": True}, k),
    "exp list": lambda h, c, k, t: sign(h, {**c, "exp": [c["exp"]]}, k),
    "exp fraction": lambda h, c, k, t: sign(h, {**c, "exp": c["exp"] + 0.5}, k),
    "exp past": lambda h, c, k, t: sign(h, {**c, "iat": c["iat"] - 700, "exp": c["iat"] - 100}, k),
    "exp now": lambda h, c, k, t: sign(h, {**c, "exp": int(time.time())}, k),
    "exp far": lambda h, c, k, t: sign(h, {**c, "exp": c["exp"] + 86_400}, k),
    "exp huge": lambda h, c, k, t: sign(h, {**c, "exp": 10**400}, k),
    "no iat": lambda h, c, k, t: sign(h, without(c, "iat"), k),
    "iat in the future": lambda h, c, k, t: sign(h, {**c, "iat": c["iat"] + 900, "exp": c["exp"] + 900}, k),
    "no audience": lambda h, c, k, t: sign(h, without(c, "aud"), k),
    "another audience": lambda h, c, k, t: sign(h, {**c, "aud": "other"}, k),
    "a list of audiences": lambda h, c, k, t: sign(h, {**c, "aud": [c["aud"], "other"]}, k),
    "no issuer": lambda h, c, k, t: sign(h, without(c, "iss"), k),
    "another issuer": lambda h, c, k, t: sign(h, {**c, "iss": "evil"}, k),
    "another type": lambda h, c, k, t: sign(h, {**c, "typ": "refresh"}, k),
    "no type": lambda h, c, k, t: sign(h, without(c, "typ"), k),
    "no subject": lambda h, c, k, t: sign(h, without(c, "sub"), k),
    "another subject": lambda h, c, k, t: sign(h, {**c, "sub": str(int(c["sub"]) + 1)}, k),
    "subject as a number": lambda h, c, k, t: sign(h, {**c, "sub": int(c["sub"])}, k),
    "no session": lambda h, c, k, t: sign(h, without(c, "sid"), k),
    "session that is none": lambda h, c, k, t: sign(h, {**c, "sid": "x"}, k),
    "unknown session": lambda h, c, k, t: sign(h, {**c, "sid": "00000000-0000-4000-8000-000000000000"}, k),
    "claims that are a list": lambda h, c, k, t: sign(h, [c], k),  # type: ignore[arg-type]
    "trailing byte": lambda h, c, k, t: t + "A",
    "trailing padding": lambda h, c, k, t: t + "=",
    "trailing part": lambda h, c, k, t: t + ".x",
    "trailing space": lambda h, c, k, t: t + "\u00a0",
    "another spelling of the signature": lambda h, c, k, t: last_bit(t),
    "NUL": lambda h, c, k, t: t.replace(".", "%00.", 1),
    "very long": lambda h, c, k, t: sign({**h}, {**c, "x": "y" * 100_000}, k),
    "empty": lambda h, c, k, t: "",
    "dots": lambda h, c, k, t: "..",
    "not base64": lambda h, c, k, t: "ä.ö.ü",
}


@pytest.mark.parametrize("attack", ATTACKS)
async def test_a_forged_token_is_a_401(floor: Floor, settings: Settings, attack: str) -> None:
    token = floor.north.http.headers["authorization"].removeprefix("Bearer ")
    assert settings.secret_key is not None
    header, claims = unpack(token)
    key = settings.secret_key.get_secret_value()
    assert sign(header, claims, key).count(".") == 2
    forged = ATTACKS[attack](header, claims, key, token)
    answer = await floor.anyone.get("/auth/me", headers={"authorization": f"Bearer {forged}".encode()})
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_forger_with_our_key_and_our_shape_gets_in(floor: Floor, settings: Settings) -> None:
    """The control: the attacks fail for what is odd about them, not for how they are made."""
    assert settings.secret_key is not None
    header, claims = unpack(floor.north.http.headers["authorization"].removeprefix("Bearer "))
    token = sign(header, claims, settings.secret_key.get_secret_value())
    answer = await floor.anyone.get("/auth/me", headers={"authorization": f"bearer {token}"})
    assert answer.status_code == 200


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic eA==", "Token x", "x"])
async def test_another_scheme_is_a_401(floor: Floor, value: str) -> None:
    answer = await floor.anyone.get("/auth/me", headers={"authorization": value})
    assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")


async def test_a_token_in_the_address_or_a_cookie_counts_for_nothing(floor: Floor) -> None:
    token = floor.north.http.headers["authorization"].removeprefix("Bearer ")
    cookie = {"cookie": f"access_token={token}"}
    assert (await floor.anyone.get("/auth/me", headers=cookie)).status_code == 401
    answer = await floor.anyone.get("/auth/me", params={"access_token": token}, headers=cookie)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert token not in answer.text


@pytest.fixture
def own_keys(settings: Settings):  # type: ignore[no-untyped-def]
    """Change the keys of this process, and put them back."""
    yield settings
    tokens.open_tokens(settings)


async def test_a_new_key_signs_nobody_out(floor: Floor, own_keys: Settings) -> None:
    old = own_keys.secret_key
    http = floor.north.http
    tokens.open_tokens(
        own_keys.model_copy(update={"secret_key": type(old)("n" * 40), "secret_key_previous": old})
    )
    assert (await floor.north.get("/auth/me")).status_code == 200
    answer = await http.post("/auth/refresh", headers={"X-CSRF-Token": http.cookies["tt_csrf"]})
    assert answer.status_code == 200
    fresh = answer.json()["access_token"]
    assert (
        jwt.get_unverified_header(fresh)["kid"]
        != jwt.get_unverified_header(http.headers["authorization"].removeprefix("Bearer "))["kid"]
    )
    assert (
        await floor.anyone.get("/auth/me", headers={"authorization": f"Bearer {fresh}"})
    ).status_code == 200
    tokens.open_tokens(own_keys.model_copy(update={"secret_key": type(old)("n" * 40)}))
    assert (await floor.north.get("/auth/me")).status_code == 401, "the old key is forgotten"
    assert (
        await floor.anyone.get("/auth/me", headers={"authorization": f"Bearer {fresh}"})
    ).status_code == 200


def test_a_short_key_is_refused_at_the_start(own_keys: Settings) -> None:
    short = own_keys.model_copy(update={"secret_key": type(own_keys.secret_key)("x" * 31)})
    with pytest.raises(ValueError, match="32"):
        tokens.open_tokens(short)


def of_folder(settings: Settings, folder: Path) -> Settings:
    return settings.model_copy(update={"secret_key": None, "data": folder})


def test_without_a_key_one_is_made_once_and_kept_private(own_keys: Settings, tmp_path: Path) -> None:
    unset = of_folder(own_keys, tmp_path / "data")
    tokens.open_tokens(unset)
    kept = tmp_path / "data" / "signing_keys.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    made = kept.read_text()
    assert len(json.loads(made)[0]["key"]) >= 43
    tokens.open_tokens(unset)
    assert kept.read_text() == made


def test_a_folder_from_before_keeps_its_key(own_keys: Settings, tmp_path: Path) -> None:
    (tmp_path / "secrets.json").write_text(json.dumps({"secret_key": "o" * 40}))
    tokens.open_tokens(of_folder(own_keys, tmp_path))
    assert tokens._opened().current == "o" * 40


def test_a_changed_key_signs_when_all_have_heard_and_the_old_one_stays_good(
    own_keys: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.open_tokens(of_folder(own_keys, tmp_path))
    clock = {"now": time.time(), "ticks": time.monotonic()}
    monkeypatch.setattr(tokens.time, "time", lambda: clock["now"])
    monkeypatch.setattr(tokens.time, "monotonic", lambda: clock["ticks"])

    def later(seconds: float) -> None:
        clock["now"] += seconds
        clock["ticks"] += seconds

    def kid(token: str) -> str:
        return str(jwt.get_unverified_header(token)["kid"])

    before = tokens.access_token(1, uuid4())
    csrf = tokens.derived("csrf", "x")[0]
    ring = Keyring(tmp_path)
    ring.rotate(keep_days=30)
    later(2)
    # Heard of, and not used yet: others may not have.
    assert kid(tokens.access_token(1, uuid4())) == kid(before)
    later(HEARD_SECONDS)
    after = tokens.access_token(1, uuid4())
    assert kid(after) != kid(before)
    assert tokens.read_access_token(before).user_id == tokens.read_access_token(after).user_id == 1
    assert tokens.is_derived("csrf", "x", csrf)
    assert tokens.derived("csrf", "x")[0] != csrf
    # Every so often by itself, and what no session can hold any more is forgotten.
    assert not ring.rotate_if_older(90, 30)
    later(91 * 86_400)
    assert ring.rotate_if_older(90, 30)
    assert len(ring.load()) == 2
    later(2 + HEARD_SECONDS)
    assert not tokens.is_derived("csrf", "x", csrf)
    # A clock that is behind stops no start, and what was made while it was ahead is replaced.
    later(-400 * 86_400)
    tokens.open_tokens(of_folder(own_keys, tmp_path))
    assert tokens._opened().current == ring.load()[-1].key
    assert ring.rotate_if_older(90, 30)


def test_a_remembered_token_expires_all_the_same(own_keys: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens.open_tokens(own_keys)
    token = tokens.access_token(1, uuid4())
    assert tokens.read_access_token(token).user_id == 1
    later = time.time() + own_keys.access_token_seconds
    monkeypatch.setattr(tokens.time, "time", lambda: later)
    with pytest.raises(Problem):
        tokens.read_access_token(token)
