"""One box for everything: bags by any part of a code, bills by number, people by name."""

from __future__ import annotations

from sqlalchemy import func, select, text

from tracetrack.access.actor import Actor, Role
from tracetrack.bags import queries as bags
from tracetrack.bags.codes import clean
from tracetrack.bags.schemas import Bag
from tracetrack.billing.queries import visible
from tracetrack.billing.tables import bill_cards
from tracetrack.oversight.search.schemas import BillFound, Found, UserFound
from tracetrack.platform import replica

EACH = 8
"""How many of each kind are told."""

# Names that begin so come before those that have it inside.
_USERS = text(f"""
    select id, username, full_name, role, disabled_at is not null as disabled from users
    where strpos(lower(username), :low) > 0 or strpos(lower(full_name), :low) > 0
    order by strpos(lower(username), :low) <> 1, lower(username) limit {EACH}
""")  # noqa: S608 - our own number


async def search(actor: Actor, q: str) -> Found:
    """What the actor may see of what has ``q`` in its code, number or name.

    Raises:
        Problem: ``bad_code`` (422) for what can be in no name.
    """
    low = clean(q).lower()
    number = func.lower(bill_cards.c.number)
    bills = (
        select(
            bill_cards.c.id,
            bill_cards.c.number,
            bill_cards.c.state,
            bill_cards.c.area,
            bill_cards.c.parent_count,
        )
        .where(number.contains(low, autoescape=True), visible(actor))
        .order_by(func.strpos(number, low), bill_cards.c.id.desc())
        .limit(EACH)
    )
    async with replica.browsing() as tx:
        return Found(
            bags=[Bag.model_validate(row) for row in await bags.bags_like(tx, actor, low, EACH)],
            bills=[BillFound.model_validate(dict(row)) for row in (await tx.execute(bills)).mappings()],
            users=[
                UserFound.model_validate(dict(row))
                for row in (await tx.execute(_USERS, {"low": low})).mappings()
            ]
            if actor.role is Role.admin
            else [],
        )
