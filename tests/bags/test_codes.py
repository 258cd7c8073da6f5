"""Cleaning of codes and reading of labels, the one way for scanner, import and search."""

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracetrack.bags.codes import (
    Labels,
    Pattern,
    clean,
    compile_pattern,
    near_codes,
    plain_text,
    read_label,
    visible,
)
from tracetrack.platform.problems import Problem

VECTORS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "codes.json").read_text())
"""What is on labels, and the code of each: the screens pass the same file."""


@pytest.mark.parametrize("vector", VECTORS["codes"], ids=lambda vector: vector["name"])
def test_one_label_is_one_code(vector: dict[str, Any]) -> None:
    if "code" in vector:
        assert clean(vector["raw"]) == vector["code"]
        assert clean(vector["code"]) == vector["code"]
        return
    with pytest.raises(Problem) as refused:
        clean(vector["raw"])
    assert (refused.value.code, refused.value.extra["reason"]) == ("bad_code", vector["reason"])


SITE = Labels(
    frozenset(VECTORS["hosts"]),
    [Pattern(compile_pattern(one["pattern"]), one["kind"], None) for one in VECTORS["patterns"]],
)


@pytest.mark.parametrize("vector", VECTORS["labels"], ids=lambda vector: vector["name"])
def test_a_site_reads_a_label_one_way(vector: dict[str, Any]) -> None:
    label = read_label(vector["raw"], SITE if vector["site"] else Labels())
    assert (label.code, label.kind, label.foreign) == (vector["code"], vector["kind"], vector["foreign"])


def test_half_a_surrogate_pair_is_no_code() -> None:
    with pytest.raises(Problem):
        clean("\ud800")


def test_what_is_no_bags_label_is_named_though_it_is_too_long() -> None:
    with pytest.raises(Problem) as refused:
        read_label("BEGIN:VCARD\nNOTE:" + "x" * 200, Labels())
    assert refused.value.extra == {"reason": "too_long", "foreign": "contact"}


@pytest.mark.parametrize("text", ["WIFI:T:WPA;S:x;P:geheim;;", "\tWIFI:P:geheim;S:" + "x" * 300])
def test_a_password_is_in_nothing_that_is_kept(text: str) -> None:
    assert "geheim" not in visible(text)
    assert "geheim" not in plain_text(text)


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


def labels(*patterns: tuple[str, str | None]) -> Labels:
    return Labels(patterns=[Pattern(compile_pattern(p), kind, None) for p, kind in patterns])


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
