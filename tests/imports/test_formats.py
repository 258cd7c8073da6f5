"""Number formats: what Excel shows, as a table, and as two other programs see it."""

from __future__ import annotations

import random

import pytest

from tests.imports.oracle import formatted
from tests.lengths import length
from tracetrack.imports.reader.formats import (
    CERTAIN,
    DATE,
    HIDDEN,
    REGIONAL,
    ROUNDED,
    SCIENTIFIC,
    SHORTENED,
    UNCLEAR,
    NumberFormat,
    number_format,
)

TABLE: list[tuple[str, str, str, str]] = [
    ("General", "191", "191", CERTAIN),
    ("General", "-5", "-5", CERTAIN),
    ("General", "12345678901", "12345678901", CERTAIN),
    ("General", "123456789012", "123456789012", SHORTENED),
    ("General", "8901234567890", "8901234567890", SHORTENED),
    ("General", "12345678901234567", "12345678901234567", ROUNDED),
    ("General", "0.30000000000000004", "0.3", REGIONAL),
    ("General", "1.5", "1.5", REGIONAL),
    ("@", "41", "41", CERTAIN),
    ("0", "41", "41", CERTAIN),
    ("0", "12.6", "13", CERTAIN),
    ("0", "123456789012", "123456789012", CERTAIN),
    ("00000", "41", "00041", CERTAIN),
    ("00000", "123456", "123456", CERTAIN),
    ("#00000", "41", "00041", CERTAIN),
    ("00000;-00000", "41", "00041", CERTAIN),
    ("00000;-00000", "-41", "-00041", CERTAIN),
    ("00000;00000;0", "0", "0", CERTAIN),
    ("[Red]00000", "41", "00041", CERTAIN),
    ("[Color 12]00000;[Blue]-00000", "41", "00041", CERTAIN),
    ("[$-409]00000", "41", "00041", CERTAIN),
    ("[$-4009]000000", "41", "000041", CERTAIN),
    ("00-00-000", "1234567", "12-34-567", CERTAIN),
    ("00-00-000", "123", "00-00-123", CERTAIN),
    ("00-00-000", "12345678901", "123456-78-901", CERTAIN),
    ("00-00-000", "-7", "-00-00-007", CERTAIN),
    ("000 000", "12345", "012 345", CERTAIN),
    ("00000-0000", "123456789", "12345-6789", CERTAIN),
    ('"SB"00000', "41", "SB00041", CERTAIN),
    ('"CB-"0000', "42", "CB-0042", CERTAIN),
    ("\\S\\B00000", "41", "SB00041", CERTAIN),
    ('00000"-A"', "41", "00041-A", CERTAIN),
    ('"SB-"General', "41", "SB-41", CERTAIN),
    ('"बै-"0000', "41", "बै-0041", CERTAIN),
    ("[>=100000]000000;[<100000]00000", "41", "00041", CERTAIN),
    ("[>=100000]0000000;00000", "123456", "0123456", CERTAIN),
    ("0000_)", "41", "0041 ", CERTAIN),
    ("* 0000", "41", "0041", CERTAIN),
    ("0%", "0.5", "50%", CERTAIN),
    ("#,##0", "123", "123", CERTAIN),
    ("#,##0", "1234567", "1,234,567", REGIONAL),
    ("0.00", "41", "41.00", REGIONAL),
    ("0.0,", "12345", "12.3", REGIONAL),
    ("$#,##0.00", "1234.5", "$1,234.50", REGIONAL),
    ("0.00E+00", "12000", "1.20E+04", SCIENTIFIC),
    ("##0.0E+0", "12345", "12.3E+3", SCIENTIFIC),
    ("yyyy-mm-dd", "45000", "2023-03-15", DATE),
    ("d-mmm-yy", "45000", "15-Mar-23", DATE),
    ("dd/mm/yyyy hh:mm", "45000.75", "15/03/2023 18:00", DATE),
    ("h:mm AM/PM", "0.75", "6:00 PM", DATE),
    ("[h]:mm", "1.5", "36:00", DATE),
    ("yyyy-mm-dd", "60", "1900-02-29", DATE),
    (";;;", "41", "41", HIDDEN),
    ("0;-0;;@", "0", "", CERTAIN),
    ("# ?/?", "1.5", "1.5", UNCLEAR),
    ("[DBNum1]0", "41", "41", UNCLEAR),
    ("[$-4000439]0", "41", "41", UNCLEAR),
    ("0*x", "41", "41", UNCLEAR),
]
"""Format, number in the file, text, doubt."""

CUT_IN_SSF = {("00-00-000", "12345678901"), ("00-00-000", "-7")}
"""ssf leaves out the sign and the digits in front; numfmt does not."""

WRONG_IN = {("ssf", "[$-409]00000"), ("ssf", "[$-4009]000000"), ("numfmt", "[$-409]00000")} | {
    ("numfmt", "[$-4009]000000")
}
"""They take the language for a currency and show a dollar sign; Excel shows none."""


@pytest.mark.parametrize(("code", "value", "text", "doubt"), TABLE)
def test_a_number_is_shown_as_excel_shows_it(code: str, value: str, text: str, doubt: str) -> None:
    assert NumberFormat(code).show(value) == (text, doubt)


def test_the_table_is_what_other_programs_show() -> None:
    differing = []
    for (code, value, text, doubt), shown in zip(
        TABLE, formatted([(code, float(value)) for code, value, *_ in TABLE]), strict=True
    ):
        if doubt in (SHORTENED, ROUNDED, UNCLEAR, HIDDEN):
            continue
        differing += [
            (by, code, value, text, other)
            for by, other in shown.items()
            if other != text
            and (by, code) not in WRONG_IN
            and not (by == "ssf" and (code, value) in CUT_IN_SSF)
        ]
    assert differing == []


def test_texts_have_a_section_of_their_own() -> None:
    assert NumberFormat('"PB-"@').show_text("12") == ("PB-12", CERTAIN)
    assert NumberFormat('0;-0;;"PB-"@').show_text("12") == ("PB-12", CERTAIN)
    assert NumberFormat("00000").show_text("12") == ("12", CERTAIN)
    assert NumberFormat(";;;").show_text("12") == ("12", HIDDEN)
    assert NumberFormat("_(* #,##0_);_(@_)").show_text("12").text.strip() == "12"


def test_formats_known_by_number() -> None:
    assert number_format(0, {}).show("41") == ("41", CERTAIN)
    assert number_format(49, {}).show("41") == ("41", CERTAIN)
    assert number_format(3, {}).show("1234") == ("1,234", REGIONAL)
    assert number_format(14, {}).show("45000").doubt == DATE
    assert number_format(31, {}).show("45000").doubt == DATE
    assert number_format(164, {164: "00000"}).show("41") == ("00041", CERTAIN)
    # A style that names a format which the file does not have.
    assert number_format(200, {}).show("41").doubt == UNCLEAR


def test_days_from_1904_are_four_years_later() -> None:
    assert NumberFormat("yyyy-mm-dd", date_1904=True).show("0") == ("1904-01-01", DATE)


PIECES = ("0", "00", "#", "?", "-", " ", '"SB"', "\\A", "[Red]", "_)", "/", ".", ",", "%", ";")
ROUNDS = length(2_000, 20_000)


def test_what_is_called_certain_is_what_another_program_shows() -> None:
    """Of formats put together at random: equal to one of two other programs, or not certain."""
    rng = random.Random(18)
    asked = [
        ("".join(rng.choices(PIECES, k=rng.randint(1, 7))), rng.choice([0, 5, 41, rng.randrange(10**9)]))
        for _ in range(ROUNDS)
    ]
    wrong = []
    certain = 0
    for (code, number), shown in zip(asked, formatted(asked), strict=True):
        text, doubt = NumberFormat(code).show(str(number))
        others = {other.strip() for other in shown.values() if isinstance(other, str)}
        if doubt == CERTAIN and others:
            certain += 1
            if text.strip() not in others:
                wrong.append((code, number, text, shown))
    assert wrong == []
    assert certain > ROUNDS // 5
