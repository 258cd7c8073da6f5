"""This site's label patterns and bag types, remembered until an admin changes them."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import select

from tracetrack.bags.codes import Label, Labels, Pattern, compile_pattern, read_label
from tracetrack.bags.schemas import LabelReading, LabelTrial
from tracetrack.bags.tables import bag_types, label_patterns
from tracetrack.people.settings import site_settings
from tracetrack.platform import db
from tracetrack.platform.stamps import Remembered


async def _load(hosts: tuple[str, ...]) -> Labels:
    async with db.reading("floor") as connection:
        patterns = (
            await connection.execute(
                select(label_patterns)
                .where(label_patterns.c.enabled)
                .order_by(label_patterns.c.position, label_patterns.c.id)
            )
        ).all()
        types = (
            await connection.execute(
                select(bag_types).where(bag_types.c.code_pattern.is_not(None)).order_by(bag_types.c.id)
            )
        ).all()
    return Labels(
        hosts=frozenset(host.lower() for host in hosts),
        patterns=[
            Pattern(compile_pattern(row.pattern), row.kind, row.bag_type_id, row.id) for row in patterns
        ],
        types=[(compile_pattern(row.code_pattern), row.id) for row in types],
    )


_labels: Remembered[tuple[str, ...], Labels] = Remembered("labels", _load, size=1)


async def site_labels() -> Labels:
    """How labels are read here, at most half a second old."""
    return await _labels.get(tuple((await site_settings()).code_hosts))


async def read_site_label(text: str) -> Label:
    """Read one label as this site has set it.

    Raises:
        Problem: ``bad_code``.
    """
    return read_label(text, await site_labels())


_DRAFT = 0
"""Stands for the pattern that is not saved yet; the database counts from one."""


async def try_label(trial: LabelTrial) -> LabelReading:
    """What the patterns make of a label; one that is not saved yet is tried before the others.

    Raises:
        Problem: ``bad_code``, ``bad_pattern`` (422).
    """
    labels = await site_labels()
    if trial.draft is not None:
        draft = Pattern(
            compile_pattern(trial.draft.pattern), trial.draft.kind, trial.draft.bag_type_id, _DRAFT
        )
        others = [pattern for pattern in labels.patterns if pattern.id != trial.draft.replaces]
        labels = replace(labels, patterns=[draft, *others])
    label = read_label(trial.text, labels)
    return LabelReading(
        code=label.code,
        kind=label.kind,
        bag_type_id=label.bag_type_id,
        pattern_id=label.pattern_id or None,
        by_draft=label.pattern_id == _DRAFT,
    )
