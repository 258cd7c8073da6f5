"""Cleaning of codes and reading of labels, the one way for scanner, import and search."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetrack.bags.codes import Label, Labels, Pattern, clean, compile_pattern, near_codes, read_label
from tracetrack.platform.problems import Problem


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("SB00012\r\n", "SB00012"),
        ("\tSB00012\t", "SB00012"),
        ("]Q1SB00012", "SB00012"),
        ("]C1 0016586\r", "0016586"),
        ("  a   b\u00a0\u2003c ", "a b c"),
        ("M444-00017", "M444-00017"),
        ("a/b.c_d", "a/b.c_d"),
        ("e\u0301", "\u00e9"),
        ("क्षेत्र-१२", "क्षेत्र-१२"),
        ("x" * 128, "x" * 128),
    ],
)
def test_clean(typed: str, code: str) -> None:
    assert clean(typed) == code


@pytest.mark.parametrize(
    "bad",
    [
        *(
            "",
            " \r\n\t ",
            "]Q1",
            "a\nb",
            "a\tb",
            "a\x00b",
            "a\x1db",
            "a\u200bb",
            "a\u200db",
            "a\u202eb",
            "\ufeffa",
        ),
        *("a\u2066b", "a\u00adb", "\ud800", "a\u3164b", "a\ufe0fb", "a\u2028b", "x" * 129, "\ue000"),
    ],
)
def test_what_cannot_be_a_code(bad: str) -> None:
    with pytest.raises(Problem) as refused:
        clean(bad)
    assert refused.value.code == "bad_code"


@pytest.mark.parametrize("command", ["TT:UNDO", "tt:done\r", "]Q1TT:NEXT", "TT:", "Tt:anything else"])
def test_the_code_of_a_command_is_never_a_bag_whatever_the_patterns(command: str) -> None:
    part = Pattern(compile_pattern(r"(?i)tt:(?P<code>.*)|.+"), None, None)
    for labels in (Labels(), Labels(patterns=[part])):
        with pytest.raises(Problem) as refused:
            read_label(command, labels)
        assert refused.value.extra["reason"] == "reserved"
    assert clean("TT-UNDO") == "TT-UNDO"
    assert clean("STT:1") == "STT:1"


@given(st.text(max_size=140))
def test_cleaning_twice_changes_nothing_more_and_what_is_clean_is_visible(text: str) -> None:
    try:
        code = clean(text)
    except Problem:
        return
    assert 1 <= len(code) <= 128
    assert code.isprintable()
    assert code == unicodedata.normalize("NFC", code).strip()
    # A code may itself begin like an AIM identifier; only one is taken off.
    if not code.startswith("]"):
        assert clean(code) == code


def labels(*patterns: tuple[str, str | None], hosts: tuple[str, ...] = ()) -> Labels:
    return Labels(frozenset(hosts), [Pattern(compile_pattern(p), kind, None) for p, kind in patterns])


def test_with_no_pattern_the_whole_text_is_the_code() -> None:
    assert read_label("LABEL NO. 0016586 LOT NO. 7", labels()).code == "LABEL NO. 0016586 LOT NO. 7"


def test_the_first_pattern_that_matches_takes_the_code_and_tells_the_kind() -> None:
    site = labels((r"LABEL NO\.\s*(?P<code>\d+)", "child"), (r"^(M\d+-\d+)$", "parent"))
    assert read_label("LABEL NO. 0016586 LOT NO. 0000123", site) == Label("0016586", "child", None)
    assert read_label("M444-00017", site) == Label("M444-00017", "parent", None)
    assert read_label("SB1", site) == Label("SB1", None, None)


def test_a_url_of_a_known_host_stands_for_its_last_segment() -> None:
    site = labels(hosts=("bags.example",))
    assert read_label("https://bags.example/b/SB%2F12/?x=1", site).code == "SB/12"
    assert read_label("https://BAGS.example/SB12", site).code == "SB12"
    assert read_label("https://other.example/SB12", site).code == "https://other.example/SB12"
    assert read_label("https://bags.example/", site).code == "https://bags.example/"


def test_a_pattern_that_would_backtrack_for_ever_is_quick() -> None:
    site = labels((r"^(a+)+$", None))
    assert read_label("a" * 127 + "!", site).code == "a" * 127 + "!"


def test_a_pattern_must_be_valid() -> None:
    with pytest.raises(Problem) as refused:
        compile_pattern("(")
    assert refused.value.code == "bad_pattern"


@pytest.mark.parametrize(
    ("meant", "typed"),
    [("SB00012", "SBO0012"), ("SB00012", "SB0012"), ("0016586", "16586"), ("SB-12", "SB12"), ("M1I", "M11")],
)
def test_near_codes_hold_what_was_meant(meant: str, typed: str) -> None:
    near = near_codes(typed)
    assert meant in near or meant.replace("-", "") in near or typed in near_codes(meant)
    assert len(near) <= 400
    assert typed not in near
