"""A site to try things out on: two areas, a user of each role, and bags, most of them packed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tracetrack.access.passwords import hash_now
from tracetrack.ledger.service import record
from tracetrack.people import queries
from tracetrack.people.first_run import readable_password, short_lived
from tracetrack.settings import get_settings

AREAS = ("North", "South")
USERS = (
    ("biller", "biller", None),
    ("dispatcher-north", "dispatcher", "North"),
    ("dispatcher-south", "dispatcher", "South"),
)
PARENTS = 2_000
CHILDREN = 60_000

_TURN = text("select pg_advisory_xact_lock(hashtext('tracetrack demo'))")
_AREA_BY_NAME = text("select id from areas where lower(name) = lower(:name)")
_SIZES = text(
    "select set_config('tracetrack.parents', :parents, true),"
    " set_config('tracetrack.children', :children, true)"
)
_COUNT = text("select count(*) from bags where code like 'DEMO-%'")


async def fill(
    database_url: str, password: str | None = None, *, parents: int = PARENTS, children: int = CHILDREN
) -> str:
    """Fill the demo's areas, users and bags; what is there already stays as it is.

    Args:
        database_url: the database, as its owner or as the application.
        password: of the demo's users; None: one is made.
        parents: how many parent bags.
        children: how many child bags, spread over the parents.

    Returns:
        What came of it, for the progress line; a password that was made stands only there.
    """
    made = readable_password()
    hashed = hash_now(password or made, get_settings().bcrypt_rounds)
    script = await asyncio.to_thread(Path(__file__).with_suffix(".sql").read_text, "utf-8")
    engine = short_lived(database_url)
    async with engine.begin() as tx:
        await tx.execute(_TURN)
        areas = {name: await _area(tx, name) for name in AREAS}
        new = [
            name
            for name, role, area in USERS
            if await _user(tx, name, role, areas[area] if area else None, hashed)
        ]
        before = (await tx.execute(_COUNT)).scalar_one()
        await tx.execute(_SIZES, {"parents": str(parents), "children": str(children)})
        driver: Any = (await tx.get_raw_connection()).driver_connection
        await driver.execute(script)
        bags = (await tx.execute(_COUNT)).scalar_one() - before
    said = [f"{bags:,} bags" if bags else "bags are there already"]
    if new:
        whose = "the password of TRACETRACK_DEMO_PASSWORD" if password else f"the password {made}"
        said.append(f"users {', '.join(new)} with {whose}")
    return ", ".join(said)


async def _area(tx: AsyncConnection, name: str) -> int:
    area_id: int | None = (await tx.execute(queries.ADD_AREA, {"name": name})).scalar_one_or_none()
    if area_id is None:
        return int((await tx.execute(_AREA_BY_NAME, {"name": name})).scalar_one())
    await record(
        tx,
        None,
        action="area_created",
        subject_type="area",
        subject_id=area_id,
        subject_code=name,
        area_id=area_id,
        after={"name": name},
    )
    return area_id


async def _user(tx: AsyncConnection, name: str, role: str, area_id: int | None, hashed: str) -> bool:
    values = {
        "username": name,
        "full_name": name.replace("-", " ").title(),
        "role": role,
        "area_id": area_id,
        "must_change_password": False,
        "language": "en",
    }
    user_id = (await tx.execute(queries.ADD_USER, {**values, "password_hash": hashed})).scalar_one_or_none()
    if user_id is None:
        return False
    await record(
        tx,
        None,
        action="user_created",
        subject_type="user",
        subject_id=user_id,
        subject_code=name,
        area_id=area_id,
        after=values,
    )
    return True
