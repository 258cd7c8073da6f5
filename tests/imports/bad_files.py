"""A corpus of files that no import should trip over, made here so that each says what is wrong with it.

Each comes with how it must end: the error code of a failed import, or a set of the report's reasons
for one that is completed.
"""

from __future__ import annotations

import io
import os
import random
import struct
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass

from tests.imports.workbooks import MAIN, Raw, formula, number, sheet_xml, workbook

HEAD = ["Parent", "Child"]
GOOD = workbook({"Sheet1": [HEAD, ["P1", "C1"], ["P1", "C2"]]})


@dataclass(frozen=True)
class Bad:
    """One file, and how it must end."""

    name: str
    content: bytes
    ends: str | frozenset[str]
    file_name: str = "bags.xlsx"


def _cell(ref: str, text: str) -> str:
    return f'<c r="{ref}" t="inlineStr"><is><t>{text}</t></is></c>'


def _sheet(data: str, before: str = "") -> str:
    return f'<worksheet xmlns="{MAIN}">{before}<sheetData>{data}</sheetData></worksheet>'


def _book(xml: str, **more: bytes) -> bytes:
    return workbook({"Sheet1": xml}, more={path.replace("__", "/"): part for path, part in more.items()})


def _strings(xml: bytes, cell: str = '<c r="A1" t="s"><v>0</v></c>') -> bytes:
    rels = (
        b'<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        b'<Relationship Id="s1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/'
        b'worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="ss" Type="http://schemas.openxml'
        b'formats.org/officeDocument/2006/relationships/sharedStrings" Target="sharedStrings.xml"/>'
        b"</Relationships>"
    )
    return workbook(
        {"Sheet1": _sheet(f'<row r="1">{cell}</row>')},
        more={"xl/sharedStrings.xml": xml, "xl/_rels/workbook.xml.rels": rels},
    )


def _patched(content: bytes, name: str, change: object) -> bytes:
    """The same archive with one part's bytes changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            part = old.read(entry)
            new.writestr(entry, change(part) if entry == name else part)  # type: ignore[operator]
    return out.getvalue()


def _without(content: bytes, *names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in old.namelist():
            if entry not in names:
                new.writestr(entry, old.read(entry))
    return out.getvalue()


def _twice(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(out, "w") as new:
        for entry in [*old.namelist(), "xl/worksheets/sheet1.xml"]:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                new.writestr(entry, old.read(entry))
    return out.getvalue()


def _flags(content: bytes, offset: int, value: int) -> bytes:
    """Change two bytes in every entry of the table of contents."""
    data = bytearray(content)
    at = 0
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        struct.pack_into("<H", data, at + offset, value)
        at += 4
    return bytes(data)


def _bomb(megabytes: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(GOOD)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for entry in old.namelist():
            if not entry.endswith("sheet1.xml"):
                new.writestr(entry, old.read(entry))
        with new.open("xl/worksheets/sheet1.xml", "w") as part:
            part.write(f'<worksheet xmlns="{MAIN}"><sheetData>'.encode())
            for _ in range(megabytes):
                part.write(b" " * 2**20)
            part.write(b"</sheetData></worksheet>")
    return out.getvalue()


def _lying_size(content: bytes) -> bytes:
    """The table of contents says that each part is tiny."""
    data = bytearray(content)
    at = 0
    while (at := data.find(b"PK\x01\x02", at)) >= 0:
        struct.pack_into("<I", data, at + 24, 10)
        at += 4
    return bytes(data)


def _zip(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return out.getvalue()


def _pairs(*rows: object) -> bytes:
    return workbook({"Sheet1": [HEAD, *rows]})  # type: ignore[list-item]


REFUSED = frozenset


def corpus() -> Iterator[Bad]:
    """All of them."""
    damaged = "file_damaged"
    far = "file_cell_far_out"
    # Cells far out, and sizes that lie
    yield Bad(
        "far corner cell", _book(_sheet('<row r="1048576">' + _cell("XFD1048576", "x") + "</row>")), far
    )
    yield Bad(
        "two far cells",
        _book(
            _sheet(
                '<row r="1">'
                + _cell("A1", "x")
                + '</row><row r="1048576">'
                + _cell("XFD1048576", "x")
                + "</row>"
            )
        ),
        far,
    )
    yield Bad("a cell in column IW", _book(_sheet('<row r="1">' + _cell("IW1", "x") + "</row>")), far)
    yield Bad(
        "a row beyond the last", _book(_sheet('<row r="1048577">' + _cell("A1048577", "x") + "</row>")), far
    )
    yield Bad(
        "a row of 12 digits",
        _book(_sheet('<row r="100000000000">' + _cell("A100000000000", "x") + "</row>")),
        far,
    )
    yield Bad(
        "an address in single quotes",
        _book(_sheet("<row r='1'><c r='XFD1' t='inlineStr'><is><t>x</t></is></c></row>")),
        far,
    )
    yield Bad(
        "257 columns without addresses",
        _book(_sheet("<row>" + '<c t="inlineStr"><is><t>x</t></is></c>' * 257 + "</row>")),
        far,
    )
    yield Bad(
        "lying dimension",
        _book(_sheet('<row r="1">' + _cell("A1", "x") + "</row>", '<dimension ref="A1:XFD1048576"/>')),
        "columns_unknown",
    )
    yield Bad(
        "dimension of nonsense",
        _book(
            _sheet(
                '<row r="1">' + _cell("A1", "P1") + _cell("B1", "C1") + "</row>", '<dimension ref="!!:??"/>'
            )
        ),
        REFUSED(),
    )
    yield Bad(
        "an address of nonsense",
        _book(_sheet('<row r="1"><c r="1A" t="inlineStr"><is><t>x</t></is></c></row>')),
        damaged,
    )
    # Shared strings
    yield Bad(
        "huge count of shared strings",
        _strings(f'<sst xmlns="{MAIN}" count="4000000000" uniqueCount="4000000000"><si/></sst>'.encode()),
        damaged,
    )
    yield Bad(
        "count of shared strings beyond 64 bits",
        _strings(
            f'<sst xmlns="{MAIN}" uniqueCount="99999999999999999999999"><si><t>x</t></si></sst>'.encode()
        ),
        damaged,
    )
    yield Bad(
        "million shared strings promised",
        _strings(
            f'<sst xmlns="{MAIN}" count="1000000" uniqueCount="1000000"><si><t>x</t></si></sst>'.encode()
        ),
        damaged,
    )
    yield Bad(
        "a shared string that is not there",
        _strings(f'<sst xmlns="{MAIN}"><si><t>x</t></si></sst>'.encode(), '<c r="A1" t="s"><v>99</v></c>'),
        damaged,
    )
    yield Bad(
        "a negative shared string",
        _strings(f'<sst xmlns="{MAIN}"><si><t>x</t></si></sst>'.encode(), '<c r="A1" t="s"><v>-1</v></c>'),
        damaged,
    )
    # Bombs
    yield Bad("bomb of 600 MB of blanks", _bomb(600), "file_unpacks_too_large")
    yield Bad("bomb of 250 MB of blanks", _bomb(250), "file_no_rows")
    yield Bad("bomb that says it is small", _lying_size(_bomb(400)), damaged)
    yield Bad(
        "thousand parts",
        workbook({"S": [HEAD, ["P", "C"]]}, more={f"x/{n}": b"" for n in range(1000)}),
        "file_too_many_parts",
    )
    yield Bad(
        "dense 64 x 1,048,576",
        _book(
            _sheet(
                '<row r="1">'
                + _cell("A1", "P")
                + '</row><row r="1048576">'
                + _cell("BL1048576", "C")
                + "</row>"
            )
        ),
        "columns_unknown",
    )
    entities = (
        '<?xml version="1.0"?><!DOCTYPE w [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    )
    yield Bad(
        "entity bomb in the workbook",
        _patched(GOOD, "xl/workbook.xml", lambda p: entities.encode() + p),
        damaged,
    )
    yield Bad(
        "entity bomb in the sheet",
        _patched(
            GOOD,
            "xl/worksheets/sheet1.xml",
            lambda p: entities.encode() + p.replace(b'<?xml version="1.0" encoding="UTF-8"?>', b""),
        ),
        REFUSED(),
    )
    # Archives
    yield Bad("truncated in the middle", GOOD[: len(GOOD) // 2], damaged)
    yield Bad("truncated by a byte", GOOD[:-1], damaged)
    yield Bad("begins in the middle", b"PK\x03\x04" + GOOD[200:], damaged)
    yield Bad("encrypted parts", _flags(GOOD, 8, 1), "file_old_or_locked")
    yield Bad("password protected", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(4096), "file_old_or_locked")
    yield Bad("unknown compression", _flags(GOOD, 10, 97), damaged)
    yield Bad("wrong checksum", _flags(GOOD, 16, 12345), damaged)
    yield Bad("an empty zip", b"PK\x05\x06" + bytes(18), "file_no_workbook")
    yield Bad("a zip of something else", _without(GOOD, "xl/workbook.xml"), "file_no_workbook")
    yield Bad("no sheet part", _without(GOOD, "xl/worksheets/sheet1.xml"), "file_no_sheet")
    yield Bad(
        "no sheets named",
        _patched(
            GOOD, "xl/workbook.xml", lambda _: f'<workbook xmlns="{MAIN}"><sheets/></workbook>'.encode()
        ),
        "file_no_rows",
    )
    yield Bad("no relations", _without(GOOD, "xl/_rels/workbook.xml.rels"), damaged)
    yield Bad(
        "sheet part is not XML",
        _patched(GOOD, "xl/worksheets/sheet1.xml", lambda _: os.urandom(500)),
        damaged,
    )
    yield Bad("sheet part ends early", _patched(GOOD, "xl/worksheets/sheet1.xml", lambda p: p[:-60]), damaged)
    yield Bad("workbook part is not XML", _patched(GOOD, "xl/workbook.xml", lambda _: b"<<<"), damaged)
    yield Bad("styles are not XML", _patched(GOOD, "xl/styles.xml", lambda _: b"\0\0"), damaged)
    yield Bad("a part twice", _twice(GOOD), "file_part_twice")
    yield Bad(
        "a relation out of the archive",
        _patched(
            GOOD,
            "xl/_rels/workbook.xml.rels",
            lambda p: p.replace(b"worksheets/sheet1.xml", b"../../../../etc/passwd"),
        ),
        damaged,
    )
    # Not workbooks at all
    yield Bad("empty file", b"", "file_empty")
    yield Bad("one byte", b"x", "columns_unknown")
    yield Bad("only blanks", b" \r\n \t\r\n", "file_empty", "bags.csv")
    yield Bad(
        "xls in xlsx clothes", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + os.urandom(2000), "file_old_or_locked"
    )
    yield Bad("csv called xlsx", b"Parent,Child\nP1,C1\n", REFUSED())
    yield Bad("xlsx called csv", GOOD, REFUSED(), "bags.csv")
    yield Bad("html called xlsx", b"<html><table><tr><td>P1</td></tr></table></html>", "file_format")
    yield Bad("json called csv", b'[{"parent": "P1", "child": "C1"}]', "file_json", "bags.csv")
    yield Bad("json lines", b'{"parent": "P1"}\n{"parent": "P2"}\n', "file_json", "bags.json")
    yield Bad(
        "what Excel leaves while a workbook is open", b"\x05admin" + b" " * 159, "file_lock", "~$bags.xlsx"
    )
    yield Bad("a workbook in a zip", _zip({"season/bags.xlsx": GOOD}), "file_zipped", "bags.zip")
    yield Bad(
        "numbers", _zip({"Index/Document.iwa": b"x", "Metadata/Properties.plist": b"x"}), "file_numbers"
    )
    yield Bad("pdf", b"%PDF-1.7\n" + os.urandom(1000), "file_format")
    yield Bad("picture", b"\x89PNG\r\n\x1a\n" + bytes(2000), damaged)
    yield Bad("random bytes", random.Random(7).randbytes(5000), "file_encoding")
    yield Bad("ods", workbook({"S": []}, more={"content.xml": b"<x/>"}), "file_format")
    yield Bad("xlsb", workbook({"S": []}, more={"xl/workbook.bin": b"x"}), "file_format")
    # Workbooks that are odd but whole
    yield Bad(
        "macros",
        workbook({"S": [HEAD, ["P", "C"]]}, more={"xl/vbaProject.bin": os.urandom(500)}),
        REFUSED(),
        "bags.xlsm",
    )
    yield Bad(
        "merged cells",
        _book(
            sheet_xml(
                [HEAD, ["P", "C1"], [None, "C2"]],
                extra='<mergeCells count="1"><mergeCell ref="A2:A3"/></mergeCells>',
            )
        ),
        REFUSED({"merged_filled"}),
    )
    yield Bad("two header rows", _pairs(HEAD, ["P", "C"]), REFUSED())
    yield Bad(
        "the same heading twice",
        workbook({"S": [["Parent", "Parent", "Child"], ["P", "Q", "C"]]}),
        "column_twice",
    )
    yield Bad("headings alone", workbook({"S": [HEAD]}), "file_no_rows")
    yield Bad(
        "no parent column", workbook({"S": [["Child", "Weight"], ["C1", "1"]]}), "parent_column_missing"
    )
    yield Bad(
        "seven columns without headings",
        workbook({"S": [["1", "a", "b", "c", "d", "e", "f"]]}),
        "columns_unknown",
    )
    yield Bad("formulas", _pairs([formula('"P"&1', "P1"), formula("A2", "C1")]), REFUSED())
    yield Bad(
        "formulas without a value",
        _pairs(["P1", Raw('<c r="{ref}"><f>A1</f></c>')]),
        REFUSED({"formula_not_computed"}),
    )
    yield Bad(
        "error values", _pairs(["P1", Raw('<c r="{ref}" t="e"><v>#REF!</v></c>')]), REFUSED({"cell_error"})
    )
    yield Bad(
        "dates as codes",
        workbook({"S": [HEAD, ["P1", number("45000", 1)]]}, formats=["dd/mm/yyyy"]),
        REFUSED({"date_as_code"}),
    )
    yield Bad("1e19 as a code", _pairs(["P1", number("1E+19")]), REFUSED({"number_rounded"}))
    yield Bad("not a number", _pairs(["P1", number("nan")]), REFUSED({"format_unclear"}))
    yield Bad(
        "hidden sheets", workbook({"S": [HEAD, ["P", "C"]], "H": [HEAD, ["P", "X"]]}, hidden=["H"]), REFUSED()
    )
    yield Bad("hidden sheets alone", workbook({"H": [HEAD, ["P", "X"]]}, hidden=["H"]), "file_no_rows")
    yield Bad("cell of 32,767 characters", _pairs(["P1", "x" * 32_767]), REFUSED({"code_too_long"}))
    yield Bad("cell of 10 MB", _pairs(["P1", "x" * 10_000_000]), REFUSED({"code_too_long"}))
    yield Bad(
        "bidi and zero-width characters",
        _pairs(["P1", "C\u202e1"], ["P1", "C\u200b2"], ["P\u2066", "C3"]),
        REFUSED({"code_invisible"}),
    )
    yield Bad(
        "control characters", _book(sheet_xml([HEAD, ["P1", "C_x0007_1"]])), REFUSED({"code_invisible"})
    )
    yield Bad("line breaks in codes", _pairs(["P1", "C\n1"]), REFUSED())
    yield Bad("a code in itself", _pairs(["P1", "P1"]), REFUSED({"bag_is_parent"}))
    yield Bad("a thousand sheets", workbook({f"S{n}": [] for n in range(1000)}), "file_too_many_parts")
    # Text
    yield Bad("csv with NUL", b"Parent,Child\nP\0 1,C1\n", "file_format", "bags.csv")
    yield Bad(
        "csv with an open quote", b'Parent,Child\nP1,"C1\nP1,C2\n', REFUSED({"quotes_unclear"}), "bags.csv"
    )
    yield Bad("csv of one line of 5 MB", b"x" * 5_000_000, "columns_unknown", "bags.csv")
    yield Bad("csv of 300 columns", b",".join(b"x" for _ in range(300)) + b"\n", far, "bags.csv")
    yield Bad("csv with broken utf-8", b"Parent,Child\nP1,C\xff\xfe\x81\n", "file_encoding", "bags.csv")
    yield Bad(
        "utf-16 cut in half", "Parent,Child\nP1,C1\n".encode("utf-16")[:-1], "file_encoding", "bags.csv"
    )
    yield Bad("csv of 1,100,000 rows", b"Parent,Child\n" + b"P,C\n" * 1_100_000, far, "bags.csv")
    yield Bad("formula injection", b"Parent,Child\n'=cmd|x,'@SUM(1)\n", REFUSED(), "bags.csv")
