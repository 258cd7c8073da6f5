"""Bag codes: the one place that says what text on a label is which code.

Scanner, camera, API, files, label printing and search read labels through here. The same rule for
the screens is ``frontend/src/shared/queue/codes.ts``; both pass ``tests/vectors/codes.json``.
Whether two codes are the same regardless of case is the database's rule: ``lower(code)``, held by a
unique index.

The code does not depend on the symbology: a scanner often does not say which one it read, and the
same label must then give the same code.
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
Foreign = Literal["wifi", "payment", "contact", "secret", "url", "product"]
"""What a label is that is probably not a bag's; see :func:`foreign_kind`."""

LONGEST_CODE = 128
LONGEST_LABEL = 2_048
"""Characters; a 2D code on a label may carry far more than the bag's code."""

_AIM_IDENTIFIER = re.compile(r"^\][A-Za-z][0-9A-F]")
"""What a scanner may send in front to say which symbology it read (ISO/IEC 15424): ``]Q1``."""

RESERVED = "tt:"
"""What the codes of commands begin with (``TT:UNDO``, docs/scan-protocol.md), in any case. No bag may
have such a code: a scan would then mean two things."""

_SPACES = re.compile(r"[\t\n\r \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
"""White space: tab, line feed, carriage return and Unicode's space separators."""

_GROUP_SEPARATOR = "\x1d"
"""FNC1 inside a code (GS1 General Specifications 7.8). Many scanners drop it when they type, so it is
never part of a code."""

_CODE_39 = re.compile(r"\*\s*([^*]*[^*\s])\s*\*")
"""A code between the start and stop signs of Code 39 (ISO/IEC 16388), which some scanners send."""

_EAN_OF_UPC = re.compile(r"0[0-9]{12}")

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

    @property
    def tell_both_kinds(self) -> bool:
        """Whether both kinds have patterns, so that a label which none matches is odd."""
        return {"parent", "child"} <= {pattern.kind for pattern in self.patterns}


@dataclass(frozen=True, slots=True)
class Label:
    """What a label says: the bag's code, and its kind and bag type where a pattern tells."""

    code: str
    kind: Kind | None = None
    bag_type_id: int | None = None
    pattern_id: int | None = None
    """Of the label pattern that told, where one did."""
    foreign: Foreign | None = None
    """What the label is when no pattern matched and it is probably not a bag's: worth a question."""


def plain_text(text: str) -> str:
    """What a label says, however it was read: the text of its code, or of a longer label around it.

    Unicode NFC; AIM identifier, group separators and the start and stop signs of Code 39 removed; white
    space trimmed and runs of it (line breaks and tabs included) made one space; the EAN-13 form of a
    UPC-A in its 12 digits; passwords of Wi-Fi labels and secrets of one-time passwords removed.
    Never raises.
    """
    text = _SPACES.sub(" ", unicodedata.normalize("NFC", text.replace(_GROUP_SEPARATOR, ""))).strip(" ")
    text = _AIM_IDENTIFIER.sub("", text, count=1).strip(" ")
    if starred := _CODE_39.fullmatch(text):
        text = starred.group(1)
    if _EAN_OF_UPC.fullmatch(text) and has_check_digit(text):
        return text[1:]
    return _without_secret(text)


def clean(text: str) -> str:
    """Clean a code as it was typed, scanned or read from a file; see :func:`plain_text`.

    Raises:
        Problem: ``bad_code`` when nothing is left, more than 128 characters are left, it has
            control, zero-width, bidirectional or otherwise invisible characters, or it begins as
            the codes of commands do. Its ``reason`` is ``empty``, ``too_long``, ``invisible`` or
            ``reserved``.
    """
    return _checked(plain_text(text))


def _checked(text: str) -> str:
    if not text:
        raise Problem("bad_code", "The code is empty.", reason="empty")
    if len(text) > LONGEST_CODE:
        raise Problem("bad_code", f"The code has more than {LONGEST_CODE} characters.", reason="too_long")
    if not text.isprintable() or not _INVISIBLE.isdisjoint(text):
        # isprintable() refuses the categories of control, format, surrogate, private and separator.
        raise Problem("bad_code", "The code has characters that cannot be seen.", reason="invisible")
    _refuse_reserved(text)
    return text


def has_check_digit(digits: str) -> bool:
    """Whether the last of these ASCII digits is a GTIN's check digit (GS1 General Specifications 7.9)."""
    weighted = sum(int(digit) * (1 if at % 2 == 0 else 3) for at, digit in enumerate(reversed(digits)))
    return weighted % 10 == 0


def other_form(code: str) -> str | None:
    """The 13 digits of a clean code that is a UPC-A of 12; ``None`` for any other code."""
    return "0" + code if re.fullmatch(r"[0-9]{12}", code) and has_check_digit(code) else None


def _refuse_reserved(text: str) -> None:
    if text[: len(RESERVED)].lower() == RESERVED:
        raise Problem("bad_code", "Codes that begin with TT: are commands.", reason="reserved")


def visible(text: str) -> str:
    """Text that cannot be a code, so that it can be kept and read: at most a code long, nothing hidden."""
    text = without_secret(text)
    seen = (c if c.isprintable() and c not in _INVISIBLE else ascii(c)[1:-1] for c in text[:LONGEST_CODE])
    return "".join(seen)[:LONGEST_CODE]


def compile_pattern(pattern: str) -> re2._Regexp:
    """Compile a pattern in RE2's syntax, whose running time is bounded by the text's length.

    It ignores case, as the comparison of codes does; ``(?-i)`` in the pattern heeds it again.

    The code is the group named ``code``, else the first group, else the whole match.

    Raises:
        Problem: ``bad_pattern``.
    """
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        raise Problem("bad_pattern", f"This pattern is not valid: {error}") from None


def read_label(text: str, labels: Labels) -> Label:
    """Read a label as this site has set it: a URL of a known host, then the first pattern that matches.

    With none set, the whole text is the code. Patterns see the text of :func:`plain_text`, and a UPC-A
    in both of its forms.

    Raises:
        Problem: ``bad_code``; with ``foreign`` where the label is something else than a bag's.
    """
    if len(text) > LONGEST_LABEL:
        raise Problem("bad_code", f"The label has more than {LONGEST_LABEL} characters.", reason="too_long")
    text = plain_text(text)
    # Before the patterns: none may take a bag's code out of a command.
    _refuse_reserved(text)
    text = _from_url(text, labels.hosts)
    forms = (text, wide) if (wide := other_form(text)) else (text,)
    for pattern in labels.patterns:
        for form in forms:
            if match := pattern.expression.search(form):
                named = match.groupdict().get("code")
                found = named or next((group for group in match.groups() if group), None) or match.group(0)
                label = _typed(clean(found), pattern.kind, pattern.bag_type_id, labels)
                return replace(label, pattern_id=pattern.id)
    foreign = foreign_kind(text, labels)
    try:
        return replace(_typed(_checked(text), None, None, labels), foreign=foreign)
    except Problem as problem:
        if foreign is not None:
            problem.extra["foreign"] = foreign
        raise


def _typed(code: str, kind: Kind | None, bag_type_id: int | None, labels: Labels) -> Label:
    if bag_type_id is None and kind != "child":
        bag_type_id = next((type_id for pattern, type_id in labels.types if pattern.search(code)), None)
    return Label(code, kind, bag_type_id)


def _from_url(text: str, hosts: frozenset[str]) -> str:
    if not hosts or not text[:8].lower().startswith(("http://", "https://")):
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    segment = unquote(parts.path.rstrip("/").rsplit("/", 1)[-1])
    return plain_text(segment) if segment and (parts.hostname or "").lower() in hosts else text


_BEGINNINGS: tuple[tuple[Foreign, str], ...] = (
    ("wifi", r"(?:wifi|dpp):"),
    # UPI and its applications, EPC (SEPA), Swiss QR bill, coins; EMVCo merchant-presented.
    (
        "payment",
        r"(?:upi|paytmmp|phonepe|gpay|tez|bitcoin|ethereum|lightning|litecoin):"
        r"|BCD 00[12]\b|SPC 02\d\d\b|000201.*6304[0-9A-F]{4}$",
    ),
    (
        "contact",
        r"(?:mecard|bizcard|tel|sms|smsto|mms|mmsto|mailto|matmsg|smtp|geo|facetime|skype|whatsapp):"
        r"|begin:(?:vcard|vevent|vcalendar)\b",
    ),
    ("secret", r"otpauth(?:-migration)?:"),
    ("url", r"[a-z][a-z0-9+.-]*://|www\.|urlto:"),
)
"""How text begins that is not a bag's, in the form of :func:`plain_text`."""

FOREIGN_BEGINNING = "|".join(beginning for _, beginning in _BEGINNINGS)
"""What such a text begins with, ignoring case; also in the syntax of Rust's regex crate."""

_FOREIGN = tuple((kind, re.compile(beginning, re.IGNORECASE)) for kind, beginning in _BEGINNINGS)
_PRODUCT = re.compile(r"[0-9]{8}|[0-9]{12,14}")


def foreign_kind(text: str, labels: Labels) -> Foreign | None:
    """What a label is that no pattern of this site matches and that is probably not a bag's.

    Args:
        text: as :func:`plain_text` leaves it.
        labels: a product's code (EAN, UPC: a check digit that is right) is foreign only where some
            pattern tells a kind of bag; elsewhere bags may be numbered so.
    """
    for kind, expression in _FOREIGN:
        if expression.match(text):
            return kind
    tells_bags = any(pattern.kind is not None for pattern in labels.patterns)
    return "product" if tells_bags and _PRODUCT.fullmatch(text) and has_check_digit(text) else None


_SECRET = re.compile(r"(wifi:)|otpauth(?:-migration)?:[^?]*", re.IGNORECASE)
_WIFI_FIELD = re.compile(r"(?:\\.|[^;\\])+", re.DOTALL)


def _without_secret(text: str) -> str:
    """The text without the password of a Wi-Fi label, or the secret of a one-time password, in it."""
    match = _SECRET.search(text)
    if match is None:
        return text
    if match.group(1) is None:
        return text[: match.end()].strip(" ")
    # Only the type, the name and whether it is hidden: a password may be written badly.
    fields = (field.strip(" ") for field in _WIFI_FIELD.findall(text[match.end() :]))
    return text[: match.end()] + ";".join(f for f in fields if f[:2].upper() in ("T:", "S:", "H:"))


def without_secret(text: str) -> str:
    """Any text as it may be kept: without such a secret, even where invisible characters disguise it."""
    seen = "".join(c for c in _SPACES.sub(" ", text) if c.isprintable() and c not in _INVISIBLE)
    return plain_text(seen) if _SECRET.search(seen) else text


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
