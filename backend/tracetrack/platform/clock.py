"""Time: always UTC inside; the site's time zone only where a day is counted."""

from __future__ import annotations

import datetime as dt
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def now() -> dt.datetime:
    """This moment, in UTC."""
    return dt.datetime.now(dt.UTC)


def _plausible(moment: dt.datetime) -> dt.datetime:
    """PostgreSQL and Python agree on these years; a device clock outside them is broken."""
    if not 2000 <= moment.year <= 2200:
        raise ValueError("the year must lie between 2000 and 2200")
    return moment.astimezone(dt.UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_plausible)]
"""A time with its zone, as RFC 3339, read as UTC."""
