"""Bag codes: the one place that says what text on a label is which code.

The scanner, the import and the search all read labels through here. Whether two codes are the
same regardless of case is the database's rule: ``lower(code)``, held by a unique index.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import unquote, urlsplit

import re2

from tracetrack.platform.problems import Problem

Kind = Literal["parent", "child"]

LONGEST_CODE = 128
LONGEST_LABEL = 2_048
"""Characters; a 2D code on a label may carry far more than the bag's code."""

_AIM_IDENTIFIER = re.compile(r"^\][A-Za-z][0-9A-Za-z]")
"""What a scanner may send in front to say which symbology it read (ISO/IEC 15424): ``]Q1``."""

RESERVED = "tt:"
"""What the codes of commands begin with (``TT:UNDO``, docs/scan-protocol.md), in any case. No bag may
have such a code: a scan would then mean two things."""

_SPACES = re.compile(r"[ \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
"""Unicode's space separators. Line breaks and tabs inside a code are control characters instead."""

_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, range(0xFE00, 0xFE10)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
"""Characters that show nothing although their category is not a control or format one."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A label pattern as a site has set it; see :func:`compile_pattern`."""

    expression: re2._Regexp
    kind: Kind | None
    bag_type_id: int | None
    id: int | None = None


@dataclass(frozen=True, slots=True)
class Labels:
    """How this site's labels are read: hosts of URLs, patterns in order, and the types' patterns."""

    hosts: frozenset[str] = frozenset()
    patterns: Sequence[Pattern] = ()
    types: Sequence[tuple[re2._Regexp, int]] = ()
    """Of the bag types that have a code pattern: a parent's code that it matches is of that type."""


@dataclass(frozen=True, slots=True)
class Label:
    """What a label says: the bag's code, and its kind and bag type where a pattern tells."""

    code: str
    kind: Kind | None = None
    bag_type_id: int | None = None
    pattern_id: int | None = None
    """Of the label pattern that told, where one did."""


def clean(text: str) -> str:
    """Clean a code as it was typed, scanned or read from a file.

    Unicode NFC; a scanner's AIM identifier and CR, LF, TAB at the ends stripped; white space
    trimmed, inner runs of spaces made one space.

    Raises:
        Problem: ``bad_code`` when nothing is left, more than 128 characters are left, it has
            control, zero-width, bidirectional or otherwise invisible characters, or it begins as
            the codes of commands do.
    """
    text = _AIM_IDENTIFIER.sub("", text.strip("\r\n\t "), count=1)
    text = _SPACES.sub(" ", unicodedata.normalize("NFC", text).strip("\r\n\t")).strip(" ")
    if not text:
        raise Problem("bad_code", "The code is empty.", reason="empty")
    if len(text) > LONGEST_CODE:
        raise Problem("bad_code", f"The code has more than {LONGEST_CODE} characters.", reason="too_long")
    if not text.isprintable() or not _INVISIBLE.isdisjoint(text):
        # isprintable() refuses the categories of control, format, surrogate, private and separator.
        raise Problem("bad_code", "The code has characters that cannot be seen.", reason="invisible")
    _refuse_reserved(text)
    return text


def _refuse_reserved(text: str) -> None:
    if text[: len(RESERVED)].lower() == RESERVED:
        raise Problem("bad_code", "Codes that begin with TT: are commands.", reason="reserved")


def visible(text: str) -> str:
    """Text that cannot be a code, so that it can be kept and read: at most a code long, nothing hidden."""
    seen = (c if c.isprintable() and c not in _INVISIBLE else ascii(c)[1:-1] for c in text[:LONGEST_CODE])
    return "".join(seen)[:LONGEST_CODE]


def compile_pattern(pattern: str) -> re2._Regexp:
    """Compile a pattern in RE2's syntax, whose running time is bounded by the text's length.

    The code is the group named ``code``, else the first group, else the whole match.

    Raises:
        Problem: ``bad_pattern``.
    """
    try:
        return re2.compile(pattern)
    except re2.error as error:
        raise Problem("bad_pattern", f"This pattern is not valid: {error}") from None


def read_label(text: str, labels: Labels) -> Label:
    """Read a label as this site has set it: a URL of a known host, then the first pattern that matches.

    With none set, the whole text is the code.

    Raises:
        Problem: ``bad_code``.
    """
    if len(text) > LONGEST_LABEL:
        raise Problem("bad_code", f"The label has more than {LONGEST_LABEL} characters.", reason="too_long")
    text = _AIM_IDENTIFIER.sub("", text.strip(), count=1)
    # Before the patterns: none may take a bag's code out of a command.
    _refuse_reserved(text)
    if labels.hosts and text[:8].lower().startswith(("http://", "https://")):
        text = _from_url(text, labels.hosts)
    for pattern in labels.patterns:
        if match := pattern.expression.search(text):
            named = match.groupdict().get("code")
            found = named or next((group for group in match.groups() if group), None) or match.group(0)
            label = _typed(clean(found), pattern.kind, pattern.bag_type_id, labels)
            return replace(label, pattern_id=pattern.id)
    return _typed(clean(text), None, None, labels)


def _typed(code: str, kind: Kind | None, bag_type_id: int | None, labels: Labels) -> Label:
    if bag_type_id is None and kind != "child":
        bag_type_id = next((type_id for pattern, type_id in labels.types if pattern.search(code)), None)
    return Label(code, kind, bag_type_id)


def _from_url(text: str, hosts: frozenset[str]) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    segment = unquote(parts.path.rstrip("/").rsplit("/", 1)[-1])
    return segment if segment and (parts.hostname or "").lower() in hosts else text


CONFUSED = ("0OoQD", "1Il|L", "5S", "8B", "2Z", "6G", "-_ ", "/\\")
"""Characters that people mistake for one another on a worn label."""


def near_codes(code: str) -> list[str]:
    """Codes that a worn label or a slip of the finger may have turned into ``code``.

    One character mistaken, left out, doubled, or two neighbours swapped; leading zeros lost or
    added. At most 400, likeliest first.
    """
    found: dict[str, None] = {}
    for at, letter in enumerate(code):
        for group in CONFUSED:
            if letter in group:
                found.update(dict.fromkeys(code[:at] + other + code[at + 1 :] for other in group))
    found.update(dict.fromkeys(_zeros(code)))
    for at in range(len(code) - 1):
        found[code[:at] + code[at + 1] + code[at] + code[at + 2 :]] = None
    for at in range(len(code)):
        found[code[:at] + code[at + 1 :]] = None
        if code[at].isdigit():
            found.update(dict.fromkeys(code[:at] + digit + code[at + 1 :] for digit in "0123456789"))
    for separator in "- ":
        found[code.replace(separator, "")] = None
    found.pop(code, None)
    found.pop("", None)
    return list(found)[:400]


def _zeros(code: str) -> list[str]:
    """The code with none to seven leading zeros in each of its runs of digits."""
    found = []
    for run in re.finditer(r"\d+", code):
        digits = run.group().lstrip("0") or "0"
        found += [code[: run.start()] + "0" * zeros + digits + code[run.end() :] for zeros in range(8)]
    return found
