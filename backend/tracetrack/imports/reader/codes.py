"""Reading whole columns of labels: the rule of :mod:`tracetrack.bags.codes`, quickly.

A plain code (printable ASCII, no outer or double spaces) under no label pattern is itself; that
is told of a whole column at once. Everything else goes through the rule itself, each different
text once.
"""

from __future__ import annotations

import re

import polars as pl

from tracetrack.bags.codes import (
    FOREIGN_BEGINNING,
    RESERVED,
    Label,
    Labels,
    read_label,
    without_secret,
)
from tracetrack.platform.problems import Problem

PLAIN = r"^[!-)+-\\^-~](?:[ -~]{0,126}[!-~])?$"
"""As ``read_label`` leaves it, unless it holds two spaces in a row or :data:`RULED` matches; ``]`` may
begin an AIM identifier, ``*`` a code between the signs of Code 39."""

RULED = rf"(?i)^(?:{RESERVED}|0[0-9]{{12}}$|{FOREIGN_BEGINNING})|wifi:|otpauth"
"""Commands, a UPC-A in the form of an EAN-13, labels that are no bag's, and those that hold a secret."""

_NOT_KEPT = r"(?i)w\W*i\W*f\W*i\W*:|o\W*t\W*p\W*a\W*u\W*t\W*h"
"""What the labels begin with that hold a secret; invisible characters may be between the letters."""

_LABEL_NUMBER = re.compile(r"^\s*LABEL\s*NO\.?\s*:?\s*([0-9A-Za-z/.-]*[0-9A-Za-z])", re.IGNORECASE)
"""Long labels of packing lines: only the number after ``LABEL NO.`` counts."""

READ = {"code": pl.String, "is": pl.String, "type": pl.Int64, "problem": pl.String, "inside": pl.Boolean}


def read_labels(texts: pl.Series, labels: Labels, *, parents: bool, packing: bool = False) -> pl.DataFrame:
    """Read a column of labels.

    Args:
        texts: as they stand in the file; null where there is none.
        labels: how this site's labels are read.
        parents: the site's bag types matter too.
        packing: in a packing sheet a long label stands for its number.

    Returns:
        One row for each text: ``code``, ``is`` (parent or child, where a pattern tells), ``type``
        (bag type id), ``problem`` (``empty``, ``too_long``, ``invisible``, ``reserved`` or ``foreign``) and
        ``inside`` (the number was taken out of a long label without a pattern).
    """
    frame = pl.DataFrame({"text": texts})
    rule_only = bool(labels.patterns) or (parents and bool(labels.types))
    if rule_only:
        plain = pl.lit(False)
    else:
        plain = pl.col("text").str.contains(PLAIN) & ~pl.col("text").str.contains("  ", literal=True)
        plain &= ~pl.col("text").str.contains(RULED)
        if labels.hosts:
            plain &= ~pl.col("text").str.contains(r"(?i)^https?://")
        if packing:
            plain &= ~pl.col("text").str.contains(r"(?i)^LABEL\s*NO")
    frame = frame.with_columns(plain=pl.col("text").is_null() | plain)
    if frame["plain"].all():
        return frame.select(
            pl.col("text").alias("code"),
            *(pl.lit(None, dtype).alias(name) for name, dtype in READ.items() if name != "code"),
        )
    odd = frame.filter(~pl.col("plain"))["text"].unique(maintain_order=True)
    read = [_read(text, labels, packing) for text in odd]
    known = pl.DataFrame(
        {
            "text": odd,
            "code": [label.code if isinstance(label, Label) else None for label, _ in read],
            "is": [label.kind if isinstance(label, Label) else None for label, _ in read],
            "type": [label.bag_type_id if isinstance(label, Label) else None for label, _ in read],
            "problem": [None if isinstance(label, Label) else label for label, _ in read],
            "inside": [inside for _, inside in read],
        },
        schema={"text": pl.String, **READ},
    )
    return frame.join(known, on="text", how="left", maintain_order="left").select(
        pl.when("plain").then("text").otherwise("code").alias("code"), "is", "type", "problem", "inside"
    )


def _read(text: str, labels: Labels, packing: bool) -> tuple[Label | str, bool]:
    """What a label says, or why it says nothing; and whether its number was taken out of it."""
    try:
        label = read_label(text, labels)
        if label.foreign is not None:
            return "foreign", False
        if not packing or label.kind is not None or any(p.expression.search(text) for p in labels.patterns):
            return label, False
    except Problem as problem:
        if "foreign" in problem.extra:
            return "foreign", False
        if not packing:
            return str(problem.extra.get("reason", "invisible")), False
        label = None
        reason = str(problem.extra.get("reason", "invisible"))
    if match := _LABEL_NUMBER.match(text):
        return read_label(match.group(1), Labels()), True
    return (label, False) if label is not None else (reason, False)


def without_secrets(frame: pl.DataFrame) -> tuple[pl.DataFrame, bool]:
    """A sheet whose cells hold no password of a Wi-Fi label and no secret of a one-time password.

    Returns:
        The sheet, and whether a cell held one.
    """
    found = [name for name in frame.columns if frame[name].str.contains(_NOT_KEPT).any()]
    if not found:
        return frame, False
    kept = frame.with_columns(pl.col(found).map_elements(without_secret, return_dtype=pl.String))
    return kept, not kept.equals(frame)
