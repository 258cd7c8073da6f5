"""Reading: whole columns read as one label is, sheets recognised, bodies taken in with care."""

from __future__ import annotations

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as examples
from starlette.requests import Request

from tracetrack.bags.codes import Labels, Pattern, compile_pattern, read_label
from tracetrack.imports import storage
from tracetrack.imports.reader.codes import read_labels
from tracetrack.imports.reader.text import decode, separator_of
from tracetrack.imports.recognise import recognise
from tracetrack.imports.upload import clean_name, receive
from tracetrack.platform.problems import Problem
from tracetrack.settings import Settings

SITES = (
    Labels(),
    Labels(hosts=frozenset({"bags.example"})),
    Labels(
        patterns=[
            Pattern(compile_pattern(r"LABEL NO\.\s*(?P<code>\d+)"), "child", None),
            Pattern(compile_pattern(r"^M\d+-\d+$"), "parent", 7),
        ],
        types=[(compile_pattern("^J"), 9)],
    ),
)
ODD = [
    "]",
    "]Q1",
    "\t",
    "\r\n",
    "\u00a0",
    "e\u0301",
    "\u200b",
    "\u202e",
    "HTTP://",
    "https://bags.example/x/",
]
PIECES = st.lists(
    st.sampled_from(
        [
            "A",
            "b",
            "0",
            "-",
            "/",
            " ",
            "  ",
            "é",
            "M4-1",
            "J",
            "LABEL NO. 0012",
            "~",
            "^",
            "\\",
            "TT:",
            "दो",
            "x" * 70,
            *ODD,
        ]
    ),
    max_size=5,
).map("".join)


@pytest.mark.parametrize("parents", [False, True])
@pytest.mark.parametrize("labels", SITES)
@examples(max_examples=150, deadline=None)
@given(texts=st.lists(st.one_of(PIECES, st.text(max_size=8), st.none()), min_size=1, max_size=20))
def test_a_column_is_read_as_each_label_is(labels: Labels, parents: bool, texts: list[str | None]) -> None:
    texts = [text if text is None or text.strip() else None for text in texts]
    texts = [None if text is None or any(0xD800 <= ord(c) < 0xE000 for c in text) else text for text in texts]
    found = read_labels(pl.Series("t", texts, dtype=pl.String), labels, parents=parents)
    for text, row in zip(texts, found.rows(named=True), strict=True):
        if text is None:
            assert row["code"] is None
            assert row["problem"] is None
            continue
        found_so = (row["code"], row["problem"], row["is"], row["type"] if parents else None)
        assert found_so == _one_by_one(text, labels, parents), text


def _one_by_one(text: str, labels: Labels, parents: bool) -> tuple[object, ...]:
    try:
        label = read_label(text, labels)
    except Problem as problem:
        return (None, "foreign" if "foreign" in problem.extra else problem.extra["reason"], None, None)
    if label.foreign is not None:
        # A file cannot be asked whether it means that.
        return (None, "foreign", None, None)
    return (label.code, None, label.kind, label.bag_type_id if parents else None)


@pytest.mark.parametrize(
    ("rows", "shape", "header", "columns"),
    [
        ([["Sr. No.", "PARENT  BAG", "Child-Bag"], ["1", "P1", "C1"]], "pairs", 0, (0, 1, 2)),
        (
            [["Season 2026", None, None], ["क्रमांक", "बड़ा बैग", "छोटा बैग"], ["1", "P1", "C1"]],
            "pairs",
            1,
            (0, 1, 2),
        ),
        ([["qr code", "master"], ["C1", "P1"]], "pairs", 0, (None, 1, 0)),
        ([["1", "P1", "C1"], ["2", "P1", "C2"]], "pairs", None, (0, 1, 2)),
        ([["P1", "C1"]], "pairs", None, (None, 0, 1)),
        ([[None, "P1", "C1"]], "pairs", None, (None, 1, 2)),
        ([["No", "Mother", "Daughter"], ["1", "P1", "C1"], ["2", "P1", "C2"]], "pairs", 0, (0, 1, 2)),
        ([["1", "C1"], ["2", "C2"], ["Parent Code", "P1"]], "packing", None, (0, None, 1)),
        ([["Serial", "QR Code"], ["1", "C1"], ["parent code :", "P1"]], "packing", 0, (0, None, 1)),
        ([["Parent", "Qty", "Lot"], ["P1", "3", "L"]], "pairs", 0, (None, 0, None)),
    ],
)
def test_sheets_are_recognised(
    rows: list[list[str | None]], shape: str, header: int | None, columns: tuple[int | None, ...]
) -> None:
    guess = recognise(rows, "bags")
    assert (guess.problem, guess.shape, guess.header_row) == (None, shape, header)
    assert tuple(guess.columns.get(role) for role in ("serial", "parent", "child")) == columns


def test_bill_sheets_are_recognised() -> None:
    pairs = recognise([["बिल नंबर", "Parent"], ["B1", "P1"]], "bills")
    assert (pairs.shape, pairs.columns) == ("bill_pairs", {"bill": 0, "parent": 1})
    closed = recognise([["1", "P1"], ["Bill No.", "B-1"]], "bills")
    assert (closed.shape, closed.columns) == ("bill_rows", {"serial": 0, "parent": 1})


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_text_is_read_in_every_usual_form(encoding: str, separator: str) -> None:
    text = "".join(f"P{n}{separator}Cé{n}\r\n" for n in range(20))
    assert decode(text.encode(encoding)) == text
    assert separator_of(text) == separator


def body(*parts: tuple[str, bytes]) -> bytes:
    return (
        b"".join(
            b"--x\r\nContent-Disposition: form-data; " + head.encode() + b"\r\n\r\n" + value + b"\r\n"
            for head, value in parts
        )
        + b"--x--\r\n"
    )


def request(content: bytes, piece: int = 7, kind: str = "multipart/form-data; boundary=x") -> Request:
    pieces = [content[at : at + piece] for at in range(0, len(content), piece)] or [b""]

    async def take() -> dict[str, object]:
        return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

    return Request({"type": "http", "headers": [(b"content-type", kind.encode())], "method": "POST"}, take)


FILE = ('name="file"; filename="../a b\\c.xlsx"', b"12345\r\n--y 67890")


async def test_a_file_arrives_as_it_was_sent(settings: Settings) -> None:
    storage.open_storage(settings)
    for piece in (1, 3, 1000):
        taken = await receive(request(body(('name="kind"', b"bags"), FILE), piece), 100)
        assert (taken.file_name, taken.size, taken.fields) == ("c.xlsx", len(FILE[1]), {"kind": "bags"})
        assert storage.stored(taken.key).read_bytes() == FILE[1]
        await storage.remove(taken.key)
    assert clean_name("C:\\x\\\u202e.xlsx") == ".xlsx"


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (body(FILE), "application/json", "unsupported_media_type"),
        (body(FILE), "multipart/form-data", "unsupported_media_type"),
        (body(('name="kind"', b"bags")), "multipart/form-data; boundary=x", "malformed"),
        (body(FILE, FILE), "multipart/form-data; boundary=x", "invalid"),
        (body(FILE, ('name="other"', b"1")), "multipart/form-data; boundary=x", "invalid"),
        (body(('name="file"; filename=a', b"x" * 101)), "multipart/form-data; boundary=x", "too_large"),
        (body(('name="mapping"', b"x" * 70_000), FILE), "multipart/form-data; boundary=x", "too_large"),
        (body(FILE)[:-9], "multipart/form-data; boundary=x", "malformed"),
        (b"nonsense", "multipart/form-data; boundary=x", "malformed"),
    ],
)
async def test_a_bad_body_leaves_no_file(settings: Settings, content: bytes, kind: str, code: str) -> None:
    storage.open_storage(settings)
    before = set(storage.folder().iterdir())
    with pytest.raises(Problem) as caught:
        await receive(request(content, 1000, kind), 100)
    assert caught.value.code == code
    assert set(storage.folder().iterdir()) == before
