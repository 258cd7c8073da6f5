"""Number formats: the text that Excel shows for a value (ECMA-376 Part 1, 18.8.30 and 18.8.31).

The aim is certainty rather than completeness. A text that depends on the settings of the computer,
or that these rules cannot produce, comes with a doubt, and the row is rejected or warned about.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from functools import cached_property
from typing import NamedTuple

CERTAIN = ""
DATE = "date"
"""A date or a time."""
SCIENTIFIC = "scientific"
"""The format shows an exponent, so digits may be missing."""
SHORTENED = "shortened"
"""General shows fewer digits than the number has; the text has them all."""
ROUNDED = "rounded"
"""More digits than a number can hold (15); the text is the file's."""
REGIONAL = "regional"
"""The decimal point, the grouping or the order of a date depends on the region of the computer."""
HIDDEN = "hidden"
"""The format shows nothing although there is a value."""
UNCLEAR = "unclear"
"""The text is not known."""


class Shown(NamedTuple):
    """What a cell shows, and why that is not certain (empty when it is)."""

    text: str
    doubt: str = CERTAIN


BUILT_IN = {
    0: "General",
    1: "0",
    2: "0.00",
    3: "#,##0",
    4: "#,##0.00",
    5: '"$"#,##0_);\\("$"#,##0\\)',
    6: '"$"#,##0_);[Red]\\("$"#,##0\\)',
    7: '"$"#,##0.00_);\\("$"#,##0.00\\)',
    8: '"$"#,##0.00_);[Red]\\("$"#,##0.00\\)',
    9: "0%",
    10: "0.00%",
    11: "0.00E+00",
    12: "# ?/?",
    13: "# ??/??",
    14: "m/d/yyyy",
    15: "d-mmm-yy",
    16: "d-mmm",
    17: "mmm-yy",
    18: "h:mm AM/PM",
    19: "h:mm:ss AM/PM",
    20: "h:mm",
    21: "h:mm:ss",
    22: "m/d/yyyy h:mm",
    37: "#,##0_);\\(#,##0\\)",
    38: "#,##0_);[Red]\\(#,##0\\)",
    39: "#,##0.00_);\\(#,##0.00\\)",
    40: "#,##0.00_);[Red]\\(#,##0.00\\)",
    41: '_(* #,##0_);_(* \\(#,##0\\);_(* "-"_);_(@_)',
    42: '_("$"* #,##0_);_("$"* \\(#,##0\\);_("$"* "-"_);_(@_)',
    43: '_(* #,##0.00_);_(* \\(#,##0.00\\);_(* "-"??_);_(@_)',
    44: '_("$"* #,##0.00_);_("$"* \\(#,##0.00\\);_("$"* "-"??_);_(@_)',
    45: "mm:ss",
    46: "[h]:mm:ss",
    47: "mm:ss.0",
    48: "##0.0E+0",
    49: "@",
}
"""Formats that files name by number alone; other numbers below 164 are dates of East Asia or unused."""

_DATES_BY_NUMBER = frozenset((*range(27, 37), *range(50, 59), *range(71, 82)))
_OF_THE_REGION = frozenset((5, 6, 7, 8, 14, 22, 37, 38, 39, 40, 41, 42, 43, 44))
"""Built-in formats that Excel takes from the settings of the computer."""

_COLOURS = frozenset(("black", "blue", "cyan", "green", "magenta", "red", "white", "yellow"))
_CONDITION = re.compile(r"(<=|>=|<>|<|>|=)\s*(-?[0-9.]+(?:[eE][+-]?[0-9]+)?)")
_FIFTEEN = Context(prec=15, rounding=ROUND_HALF_UP)
_GENERAL = re.compile(r"general", re.IGNORECASE)
_AM_PM = re.compile(r"AM/PM|A/P", re.IGNORECASE)
_EXPONENT = re.compile(r"[eE][+-]")
_PLAIN = "$-+/():!^&'~{}<>= "
"""Characters that a format shows without quotes."""
_MOST = 255
"""Characters of a format; Excel takes no longer one."""

_MONTHS = (
    "January February March April May June July August September October November December".split()  # noqa: SIM905
)
_DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split()  # noqa: SIM905


class _Token(NamedTuple):
    kind: str
    """``digit``, ``text``, ``point``, ``comma``, ``percent``, ``exponent``, ``slash``, ``at``,
    ``general``, ``date``, ``elapsed``, ``ampm`` or ``unknown``."""
    text: str


@dataclass
class _Section:
    tokens: list[_Token]
    condition: tuple[str, Decimal] | None = None
    locale: int = 0
    currency: bool = False

    @cached_property
    def kinds(self) -> frozenset[str]:
        return frozenset(token.kind for token in self.tokens)

    @cached_property
    def is_date(self) -> bool:
        return bool(self.kinds & {"date", "elapsed", "ampm"})


def _split(code: str) -> list[str]:
    """The sections of a format, apart at semicolons outside quotes, escapes and brackets."""
    parts, start, at = [], 0, 0
    while at < len(code):
        char = code[at]
        if char == '"':
            end = code.find('"', at + 1)
            at = len(code) if end < 0 else end
        elif char == "[":
            end = code.find("]", at + 1)
            at = len(code) if end < 0 else end
        elif char in "\\_*":
            at += 1
        elif char == ";":
            parts.append(code[start:at])
            start = at + 1
        at += 1
    return [*parts, code[start:]]


def _parse(text: str) -> _Section:
    section = _Section([])
    add = section.tokens.append
    at = 0
    while at < len(text):
        char = text[at]
        if char == '"':
            end = text.find('"', at + 1)
            end = len(text) if end < 0 else end
            add(_Token("text", text[at + 1 : end]))
            at = end + 1
        elif char == "\\":
            add(_Token("text", text[at + 1 : at + 2]))
            at += 2
        elif char == "_":
            # A space as wide as the next character.
            add(_Token("text", " "))
            at += 2
        elif char == "*":
            # The next character fills the rest of the cell, of whatever width.
            add(_Token("text", "" if text[at + 1 : at + 2] == " " else "\0"))
            at += 2
        elif char == "[":
            end = text.find("]", at + 1)
            if end < 0:
                add(_Token("unknown", text[at:]))
                return section
            _bracket(section, text[at + 1 : end])
            at = end + 1
        elif char in "0#?":
            add(_Token("digit", char))
            at += 1
        elif char in ".,%@/":
            kind = {".": "point", ",": "comma", "%": "percent", "@": "at", "/": "slash"}[char]
            add(_Token(kind, char))
            at += 1
        elif match := _GENERAL.match(text, at):
            add(_Token("general", ""))
            at = match.end()
        elif match := _AM_PM.match(text, at):
            add(_Token("ampm", match.group()))
            at = match.end()
        elif match := _EXPONENT.match(text, at):
            add(_Token("exponent", match.group()))
            at = match.end()
        elif char.lower() in "ymdhs":
            end = at
            while end < len(text) and text[end].lower() == char.lower():
                end += 1
            add(_Token("date", text[at:end].lower()))
            at = end
        elif char.lower() in "bge" or text[at : at + 3].lower() == "aaa":
            # Years of other calendars, names of days in other languages.
            add(_Token("date", "?"))
            at += 1
        elif char in _PLAIN or not char.isascii():
            add(_Token("text", char))
            at += 1
        else:
            add(_Token("unknown", char))
            at += 1
    return section


def _bracket(section: _Section, inside: str) -> None:
    lower = inside.lower()
    if lower in _COLOURS or re.fullmatch(r"color\s*[0-9]{1,2}", lower):
        section.tokens.append(_Token("text", ""))
        return
    if match := _CONDITION.fullmatch(inside):
        section.condition = (match.group(1), Decimal(match.group(2)))
    elif re.fullmatch(r"h+|m+|s+", lower):
        section.tokens.append(_Token("elapsed", lower))
    elif inside.startswith("$"):
        symbol, _, locale = inside[1:].rpartition("-") if "-" in inside else (inside[1:], "", "")
        try:
            section.locale = int(locale, 16) if locale else 0
        except ValueError:
            section.tokens.append(_Token("unknown", inside))
        if section.locale >> 16:
            # Digits of another script, or another calendar.
            section.tokens.append(_Token("unknown", inside))
        if symbol:
            section.currency = True
            section.tokens.append(_Token("text", symbol))
    else:
        section.tokens.append(_Token("unknown", inside))


def read_number(text: str) -> Decimal | None:
    """The number that a cell holds, with the 15 digits that Excel works with; None if it is none."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        return None
    if not value.is_finite() or abs(value.adjusted()) > 400:
        return None
    return value


def _fixed(value: Decimal) -> str:
    """Without an exponent, and without zeros behind the point."""
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def show_general(value: Decimal) -> Shown:
    """What General shows: at most 11 characters."""
    exact = _FIFTEEN.plus(value)
    if exact == 0:
        return Shown("0")
    whole = exact == exact.to_integral_value()
    size = exact.adjusted()
    if whole and size < 11:
        return Shown(_fixed(exact))
    if whole and size < 15 and exact == value:
        return Shown(_fixed(exact), SHORTENED)
    if whole or size >= 11:
        return Shown(_fixed(value) if size < 40 else str(value), ROUNDED)
    if size >= -4:
        places = 9 if size < 0 else max(0, 9 - size)
        text = _fixed(exact.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
    else:
        text = _fixed(exact)
        if len(text.lstrip("-")) > 11:
            return Shown(_scientific(exact, 5), SCIENTIFIC)
    if Decimal(text) != exact:
        return Shown(text, SHORTENED)
    return Shown(text, REGIONAL)


def _scientific(value: Decimal, places: int) -> str:
    mantissa, _, exponent = f"{value:.{places}e}".partition("e")
    sign, digits = exponent[0], exponent[1:].zfill(2)
    return f"{mantissa.rstrip('0').rstrip('.')}E{sign}{digits}"


class NumberFormat:
    """One number format, as :func:`number_format` makes it."""

    def __init__(self, code: str, *, regional: bool = False, date_1904: bool = False) -> None:
        self.code = code
        self.regional = regional
        self.date_1904 = date_1904
        self.broken = len(code) > _MOST
        parts = [] if self.broken else _split(code)
        if len(parts) > 4:
            self.broken = True
        sections = [_parse(part) for part in parts]
        self.text: _Section | None = None
        if len(sections) == 4 or (sections and "at" in sections[-1].kinds):
            self.text = sections.pop()
        self.sections = sections
        zeros = re.fullmatch(r"0+", code)
        self._zeros = len(code) if zeros else 0
        self.is_general = code.lower() == "general" or code in ("", "@")
        """Numbers are shown as they are."""

    @cached_property
    def shows_text_as_is(self) -> bool:
        """Whether a text is shown unchanged."""
        if self.broken:
            return True
        return self.text is None or (
            [t.kind for t in self.text.tokens if t.kind != "text" or t.text.strip()] == ["at"]
        )

    def show_text(self, text: str) -> Shown:
        """What a text shows under this format."""
        if self.shows_text_as_is or self.text is None or not text:
            return Shown(text)
        if self.text.kinds - {"text", "at"}:
            return Shown(text, UNCLEAR)
        shown = "".join(text if token.kind == "at" else token.text for token in self.text.tokens)
        if "\0" in shown:
            return Shown(text, UNCLEAR)
        return Shown(shown) if shown.strip() else Shown(text, HIDDEN)

    def show(self, text: str) -> Shown:
        """What the number in ``text`` (as it stands in the file) shows under this format."""
        if text.isascii() and text.isdigit() and len(text) < 12 and (text[0] != "0" or text == "0"):
            if self.is_general:
                return Shown(text)
            if self._zeros:
                return Shown(text.zfill(self._zeros))
        value = read_number(text)
        if value is None:
            return Shown(text, UNCLEAR)
        if self.is_general:
            return show_general(value)
        if self.broken or not self.sections:
            return Shown(text, UNCLEAR)
        return self._show(value)

    def _section(self, value: Decimal) -> tuple[_Section | None, bool]:
        """The section for a value, and whether it shows the value without its sign."""
        sections = self.sections
        if any(section.condition for section in sections):
            for at, section in enumerate(sections):
                if section.condition is None:
                    last = at == len(sections) - 1
                    # Without a condition: the second is for negative numbers, the last for the rest.
                    if last or (at == 1 and value < 0):
                        return section, False
                elif _holds(section.condition, value):
                    return section, False
            return None, False
        if len(sections) == 1 or value > 0 or (value == 0 and len(sections) < 3):
            return sections[0], False
        return sections[1 if value < 0 else 2], True

    def _show(self, value: Decimal) -> Shown:
        exact = _FIFTEEN.plus(value)
        section, unsigned = self._section(exact)
        if section is None or "unknown" in section.kinds:
            return Shown(_fixed(value), UNCLEAR)
        if value < 0 and any(s.condition for s in self.sections):
            return Shown(_fixed(value), UNCLEAR)
        if section.is_date:
            return self._show_date(exact, section)
        shown = _show_number(exact, section, unsigned)
        if "\0" in shown.text:
            return Shown(_fixed(value), UNCLEAR)
        if not shown.text.strip():
            return Shown("") if exact == 0 else Shown(_fixed(value), HIDDEN)
        if shown.doubt:
            return shown
        if exact != value:
            return Shown(_fixed(value), ROUNDED)
        if self.regional:
            return Shown(shown.text, REGIONAL)
        return shown

    def _show_date(self, value: Decimal, section: _Section) -> Shown:
        text = _date_text(value, section, self.date_1904)
        return Shown(_fixed(value) if text is None else text, DATE)


def _holds(condition: tuple[str, Decimal], value: Decimal) -> bool:
    sign, limit = condition
    tests: dict[str, Callable[[], bool]] = {
        "<": lambda: value < limit,
        ">": lambda: value > limit,
        "<=": lambda: value <= limit,
        ">=": lambda: value >= limit,
        "=": lambda: value == limit,
        "<>": lambda: value != limit,
    }
    return tests[sign]()


def _show_number(value: Decimal, section: _Section, unsigned: bool) -> Shown:
    tokens = section.tokens
    kinds = section.kinds
    if "slash" in kinds and "digit" in kinds:
        # A fraction.
        return Shown(_fixed(value), UNCLEAR)
    if "general" in kinds or "at" in kinds:
        if kinds - {"general", "at", "text"} or [t.kind for t in tokens].count("general") > 1:
            return Shown(_fixed(value), UNCLEAR)
        inner = show_general(abs(value) if unsigned else value)
        prefix = "-" if not unsigned and value < 0 else ""
        body = inner.text.lstrip("-") if prefix else inner.text
        shown = "".join(body if t.kind in ("general", "at") else t.text for t in tokens)
        return Shown(prefix + shown, inner.doubt)
    if "digit" not in kinds:
        if kinds & {"point", "comma", "exponent"}:
            return Shown(_fixed(value), UNCLEAR)
        shown = "".join(t.text for t in tokens if t.kind in ("text", "percent", "slash"))
        sign = "-" if value < 0 and not unsigned else ""
        # Words alone, which say nothing of the value.
        return Shown(sign + shown, HIDDEN if value != 0 and shown.strip() else CERTAIN)
    if "exponent" in kinds:
        return Shown(_show_exponent(value, section, unsigned), SCIENTIFIC)
    return _show_digits(value, tokens, unsigned)


def _show_digits(value: Decimal, tokens: list[_Token], unsigned: bool) -> Shown:
    digits = [at for at, token in enumerate(tokens) if token.kind == "digit"]
    points = [at for at, token in enumerate(tokens) if token.kind == "point"]
    if len(points) > 1:
        return Shown(_fixed(value), UNCLEAR)
    point = points[0] if points else len(tokens)
    left = [at for at in digits if at < point]
    right = [at for at in digits if at > point]
    commas = [at for at, token in enumerate(tokens) if token.kind == "comma"]
    grouped = any(left and left[0] < at < left[-1] for at in commas)
    # Commas behind the last digit divide by a thousand each.
    thousands = sum(1 for at in commas if left and left[-1] < at < point) + sum(
        1 for at in commas if right and at > right[-1]
    )
    if any(not left or (at < left[0]) or (right and point < at < right[-1]) for at in commas):
        return Shown(_fixed(value), UNCLEAR)
    percents = sum(1 for token in tokens if token.kind == "percent")
    # Programs differ on commas that touch no digit, a second percent sign, and # or ? behind 0.
    loose = any(tokens[at - 1].kind not in ("digit", "comma") for at in commas)
    unusual = re.search("0[#?]", "".join(tokens[at].text for at in left))
    if loose or unusual or percents > 1 or (percents and commas):
        return Shown(_fixed(value), UNCLEAR)
    scaled = abs(value).scaleb(2 * percents - 3 * thousands)
    rounded = scaled.quantize(Decimal(1).scaleb(-len(right)), ROUND_HALF_UP, Context(prec=500))
    whole, _, fraction = format(rounded, "f").partition(".")
    whole = whole.lstrip("0")
    negative = value < 0 and not unsigned and rounded != 0
    out: list[str] = []
    left_text = _place_left(whole, [(at, tokens[at].text) for at in left], grouped)
    right_text = _place_right(fraction, [(at, tokens[at].text) for at in right])
    if not left and whole:
        left_text = {point: whole + "."}
    for at, token in enumerate(tokens):
        if at in left_text and token.kind == "point":
            out.append(left_text[at])
        elif token.kind == "digit":
            out.append(left_text.get(at, right_text.get(at, "")))
        elif token.kind != "comma":
            out.append(token.text)
    shown = ("-" if negative else "") + "".join(out)
    separated = bool(points) or (grouped and len(whole) > 3) or (grouped and "," in shown)
    return Shown(shown, REGIONAL if separated else CERTAIN)


def _place_left(whole: str, places: list[tuple[int, str]], grouped: bool) -> dict[int, str]:
    """The digits before the point, for each place; the first takes those that are left."""
    out: dict[int, str] = {}
    position = 0
    left = whole
    for n, (at, mark) in enumerate(reversed(places)):
        first = n == len(places) - 1
        taken = left if first else left[-1:]
        left = "" if first else left[:-1]
        text = ""
        for digit in reversed(taken or {"0": "0", "?": " "}.get(mark, "")):
            if grouped and position and position % 3 == 0 and digit != " ":
                text = "," + text
            text = digit + text
            position += 1
        out[at] = text
    return out


def _place_right(fraction: str, places: list[tuple[int, str]]) -> dict[int, str]:
    out: dict[int, str] = {}
    ended = True
    for n in range(len(places) - 1, -1, -1):
        at, mark = places[n]
        digit = fraction[n : n + 1] or "0"
        if digit != "0" or mark == "0":
            ended = False
        out[at] = {"#": "", "?": " "}.get(mark, "0") if ended else digit
    return out


def _show_exponent(value: Decimal, section: _Section, unsigned: bool) -> str:
    at = next(n for n, token in enumerate(section.tokens) if token.kind == "exponent")
    before, after = section.tokens[:at], section.tokens[at + 1 :]
    point = next((n for n, token in enumerate(before) if token.kind == "point"), len(before))
    step = max(1, sum(1 for token in before[:point] if token.kind == "digit"))
    places = sum(1 for token in before[point:] if token.kind == "digit")
    width = sum(1 for token in after if token.kind == "digit")
    exponent = 0 if value == 0 else (value.adjusted() // step) * step
    mantissa = abs(value).scaleb(-exponent).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    if mantissa >= Decimal(10) ** step:
        exponent += step
        mantissa = mantissa.scaleb(-step).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    sign = "-" if exponent < 0 else ("+" if section.tokens[at].text[1] == "+" else "")
    minus = "-" if value < 0 and not unsigned else ""
    return f"{minus}{mantissa:f}E{sign}{str(abs(exponent)).zfill(width)}"


def date_parts(value: Decimal, date_1904: bool) -> tuple[int, int, int, int] | None:
    """Year, month, day and day of the week (0 is Sunday) of a serial number; None when it is out of range."""
    day = int(value)
    if value < 0 or day > (2_957_003 if date_1904 else 2_958_465):
        return None
    if date_1904:
        day += 1462
    if day == 60:
        # Excel has a 29th of February in 1900.
        return 1900, 2, 29, 3
    if day == 0:
        return 1900, 1, 0, 6
    from datetime import date, timedelta

    found = date(1899, 12, 31) + timedelta(days=day if day < 60 else day - 1)
    return found.year, found.month, found.day, (day - 1) % 7


def _date_text(value: Decimal, section: _Section, date_1904: bool) -> str | None:
    """A date in English; None where another language or calendar shows it."""
    tokens = section.tokens
    if any(token.kind == "date" and token.text == "?" for token in tokens) or "general" in section.kinds:
        return None
    english = section.locale & 0x3FF in (0, 9)
    if section.locale in (0xF800, 0xF400):
        return None
    parts_of_second = 0
    for n, token in enumerate(tokens):
        if token.kind == "point":
            parts_of_second = sum(1 for t in tokens[n + 1 :] if t.kind == "digit")
    seconds = (value * 86_400).quantize(Decimal(1).scaleb(-parts_of_second), ROUND_HALF_UP)
    day = Decimal(int(seconds // 86_400))
    parts = date_parts(day, date_1904)
    if parts is None:
        return None
    year, month, number, weekday = parts
    of_day = seconds - day * 86_400
    hour, minute, second = int(of_day // 3600), int(of_day // 60) % 60, int(of_day) % 60
    ampm = any(token.kind == "ampm" for token in tokens)
    out = []
    times = [n for n, t in enumerate(tokens) if t.kind in ("date", "elapsed")]
    for n, token in enumerate(tokens):
        width = len(token.text)
        if token.kind == "elapsed":
            total = {"h": seconds // 3600, "m": seconds // 60, "s": seconds // 1}[token.text[0]]
            out.append(str(int(total)).zfill(width))
        elif token.kind == "ampm":
            half = "PM" if hour >= 12 else "AM"
            out.append(half if len(token.text) == 5 else half[0])
        elif token.kind == "date":
            letter = token.text[0]
            at = times.index(n)
            before = tokens[times[at - 1]].text[0] if at else ""
            after = tokens[times[at + 1]].text[0] if at + 1 < len(times) else ""
            if letter == "m" and width <= 2 and (before == "h" or after == "s"):
                out.append(str(minute).zfill(width))
            elif letter == "m":
                if width > 2 and not english:
                    return None
                name = _MONTHS[month - 1]
                out.append(
                    {3: name[:3], 5: name[0]}.get(width, name) if width > 2 else str(month).zfill(width)
                )
            elif letter == "d":
                if width > 2 and not english:
                    return None
                out.append(
                    (_DAYS[weekday][:3] if width == 3 else _DAYS[weekday])
                    if width > 2
                    else str(number).zfill(width)
                )
            elif letter == "y":
                out.append(str(year) if width > 2 else str(year % 100).zfill(2))
            elif letter == "h":
                out.append(str((hour % 12 or 12) if ampm else hour).zfill(min(width, 2)))
            else:
                out.append(str(second).zfill(min(width, 2)))
        elif token.kind == "digit":
            continue
        elif token.kind == "point" and parts_of_second:
            out.append("." + format(of_day % 1, "f").partition(".")[2])
        else:
            out.append(token.text)
    text = "".join(out)
    return None if "\0" in text else text


GENERAL = NumberFormat("General")


def number_format(number: int, custom: dict[int, str], date_1904: bool = False) -> NumberFormat:
    """The format that a style names.

    Args:
        number: the style's ``numFmtId``.
        custom: the file's own formats by number.
        date_1904: the workbook counts its days from 1904.
    """
    if number in custom:
        return NumberFormat(custom[number], regional=number in _OF_THE_REGION, date_1904=date_1904)
    if number in BUILT_IN:
        return NumberFormat(BUILT_IN[number], regional=number in _OF_THE_REGION, date_1904=date_1904)
    if number in _DATES_BY_NUMBER:
        return NumberFormat("e", date_1904=date_1904)
    return NumberFormat("[unknown]", date_1904=date_1904)
