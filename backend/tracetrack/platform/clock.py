"""Time: always UTC inside; the site's time zone only where a day is counted."""

from __future__ import annotations

import datetime as dt
import re
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator


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

_BEYOND = re.compile(r"[+-]\d{6}-\d\d-\d\dT")
"""ECMAScript's form of years after 9999 and before 0, which Python's datetime cannot hold."""


def _within_reach(value: Any) -> Any:
    return None if isinstance(value, str) and _BEYOND.match(value) else value


def _in_utc(moment: dt.datetime | None) -> dt.datetime | None:
    try:
        return moment and moment.astimezone(dt.UTC)
    except OverflowError:
        return None


DeviceMoment = Annotated[AwareDatetime | None, BeforeValidator(_within_reach), AfterValidator(_in_utc)]
"""A time by a device's clock, which may be wrong by centuries: a time that cannot be held at all is None."""

DOUBTFUL_AHEAD = dt.timedelta(minutes=10)
DOUBTFUL_BEHIND = dt.timedelta(days=30)


def doubtful(moment: dt.datetime | None, arrived: dt.datetime) -> bool:
    """Whether a device's time is so far from the time of arrival that its clock is likely to be wrong."""
    return moment is not None and not arrived - DOUBTFUL_BEHIND <= moment <= arrived + DOUBTFUL_AHEAD
