"""csv and other text files as programs and people write them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.imports.reader.sheets import Sheet, read_file

PLAIN = [("P1", "C1"), ("P1", "C2")]


def read(tmp_path: Path, content: bytes) -> Sheet:
    path = tmp_path / "bags.csv"
    path.write_bytes(content)
    (sheet,) = read_file(path, "bags.csv", lambda _: None)
    return sheet


def rows_of(sheet: Sheet) -> list[tuple[str, ...]]:
    return [tuple((cell or "").strip() for cell in row) for row in sheet.frame.rows() if any(row)]


@pytest.mark.parametrize(
    "content",
    [
        b"P1,C1\nP1,C2\n",
        b"P1;C1\r\nP1;C2\r\n",
        b"P1\tC1\nP1\tC2",
        b"P1|C1\nP1|C2\n",
        b"P1,C1\rP1,C2\r",
        b'"P1","C1"\r"P1","C2"',
        b"P1,C1\r\r\nP1,C2\r\r\n",
        b"P1,C1\rP1,C2\n",
        b"P1,C1\r\nP1,C2\r\n\x1a",
        b"sep=;\r\nP1;C1\r\nP1;C2\r\n",
        b'"sep=;"\r\nP1;C1\r\nP1;C2\r\n',
        b"sep=|,,,\nP1|C1\nP1|C2\n",
        b"sep=\t\rP1\tC1\rP1\tC2\r",
        b"\xef\xbb\xbfsep=,\nP1,C1\nP1,C2\n",
        b"\xef\xbb\xbf\xef\xbb\xbfP1,C1\nP1,C2\n",
        b"P1,C1,,,\nP1,C2,,,\n",
        b"P1,C1,,,,,,,,,,,,\nP1,C2\n",
        b'"P1", "C1"\n"P1", "C2"\n',
        "P1\tC1\r\nP1\tC2\r\n".encode("utf-16"),
        "P1\tC1\r\nP1\tC2\r\n".encode("utf-16-le"),
        "P1\tC1\r\nP1\tC2\r\n".encode("utf-16-be"),
        b'"P1,C1"\n"P1,C2"\n',
    ],
)
def test_every_dialect_gives_the_same_cells(tmp_path: Path, content: bytes) -> None:
    assert rows_of(read(tmp_path, content)) == PLAIN


@pytest.mark.parametrize(
    ("cell", "code", "said"),
    [
        ('"=""0030123"""', "0030123", None),
        ('="0030123"', "0030123", None),
        ("'0030123", "0030123", None),
        ("'=1+1", "=1+1", None),
        ("''P1", "'P1", None),
        ("'P1", "P1", "apostrophe_removed"),
        ("'P1'", "P1", "quotes_removed"),
        ('"""P1"""', "P1", "quotes_removed"),
        ("“P1”", "P1", "quotes_removed"),
        ("=1+1", "=1+1", "formula_not_computed"),
        ('"=""00""&""12"""', '="00"&"12"', "formula_not_computed"),
        ('"8,90123E+12"', "8,90123E+12", "scientific_as_code"),
        ("8.90123E+12", "8.90123E+12", "scientific_as_code"),
        ("890123E+7", "890123E+7", "scientific_as_code"),
        ('="8.90123E+12"', "8.90123E+12", None),
        ("12E3", "12E3", None),
        ("1E-05", "1E-05", None),
        ("2024-03-01 00:00:00", "2024-03-01 00:00:00", "date_as_code"),
        ("02-Jan", "02-Jan", "like_a_date"),
        ("2024-03-01", "2024-03-01", None),
        ("-5", "-5", None),
        ('12" pipe', '12" pipe', None),
    ],
)
def test_a_code_is_read_without_what_keeps_it_text(
    tmp_path: Path, cell: str, code: str, said: str | None
) -> None:
    sheet = read(tmp_path, f"Parent,Child\nP0,{cell}\nP0,C9\n".encode())
    assert rows_of(sheet)[1:] == [("P0", code), ("P0", "C9")]
    found = [(found.row, found.what) for found in sheet.findings.get(1, ())]
    assert found == ([(2, said)] if said else [])


def test_letters_in_an_old_encoding_are_doubtful(tmp_path: Path) -> None:
    sheet = read(tmp_path, "Parent,Child\nPé1,C1\n".encode("cp1252"))
    assert rows_of(sheet)[1:] == [("Pé1", "C1")]
    assert [(found.row, found.what) for found in sheet.findings[0]] == [(2, "letters_unclear")]
    assert sheet.encoding_guessed


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b'[{"parent": "P1"}]', "file_json"),
        (b'\n{"parent":"P1"}\n', "file_json"),
        (b"sep=;\n", "file_empty"),
        (b"\xef\xbb\xbf\r\n", "file_empty"),
    ],
)
def test_what_holds_no_table_is_named(tmp_path: Path, content: bytes, code: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        read(tmp_path, content)
    assert caught.value.code == code
