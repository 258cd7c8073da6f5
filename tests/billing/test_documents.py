"""Documents read back by other readers: pdfplumber for text, zxing for codes from rendered pages."""

import csv
import io
import json
import re
import time
from typing import Any

import fastexcel
import httpx
import pdfplumber
import pypdfium2
import pytest
import zxingcpp

from tests.billing.bills import attach, many_parents, new_bill, packed
from tests.floor import Floor
from tests.lengths import assert_fast, length
from tracetrack.billing.documents import making


def pages(pdf: bytes) -> list[str]:
    with pdfplumber.open(io.BytesIO(pdf)) as document:
        return [page.extract_text() for page in document.pages]


def codes_on(pdf: bytes, page: int = 0, scale: float = 3) -> list[str]:
    """What a reader of codes sees on a rendered page, from the top."""
    document = pypdfium2.PdfDocument(pdf)
    image = document[page].render(scale=scale).to_pil().convert("L")
    return [found.text for found in zxingcpp.read_barcodes(image)]


def manifest_rows(text: str) -> list[list[str]]:
    """Lines such as ``1 P1 3 3 30 -27``."""
    lines = re.findall(r"^(\d+) (\S+) (\d+) ([\d.]+) ([\d.]+) (-?[\d.]+)$", text, re.MULTILINE)
    return [list(line) for line in lines]


async def file(answer: httpx.Response) -> bytes:
    assert answer.status_code == 200, answer.text
    return answer.content


async def filled_bill(floor: Floor) -> dict[str, Any]:
    bill = await new_bill(
        floor.biller, destination="नागपुर / Nagpur", vehicle="MH 31 AB 1234", description="Handle with care"
    )
    for code, children in (("P1", 3), ("P2", 0), ("P3", 31)):
        await packed(floor, code, children)
        await attach(floor.biller, bill["id"], code)
    return (await floor.biller.get(f"/bills/{bill['id']}")).json()


@pytest.mark.parametrize("lang", ["en", "hi"])
@pytest.mark.parametrize("completed", [False, True])
async def test_the_pdf_says_what_the_api_says_and_its_code_is_the_number(
    floor: Floor, lang: str, completed: bool
) -> None:
    bill = await filled_bill(floor)
    if completed:
        bill = (await floor.biller.post(f"/bills/{bill['id']}/complete")).json()
    pdf = await file(await floor.biller.get(f"/bills/{bill['id']}/export", lang=lang, manifest="children"))
    words = json.loads((making.WORDS / f"{lang}.json").read_text())
    text = "\n".join(pages(pdf))
    for value in (bill["number"], "MH 31 AB 1234", "Nagpur"):
        assert value in text
    assert (words["not_completed"] in text) is (not completed) or lang == "hi"
    bags = (await floor.biller.get(f"/bills/{bill['id']}/bags")).json()["items"][::-1]
    assert manifest_rows(text) == [
        [
            str(number),
            bag["code"],
            str(bag["child_count"]),
            making.kilograms(bag["weight_kg"]),
            making.kilograms(bag["expected_weight_kg"]),
            making.kilograms(bag["weight_kg"] - bag["expected_weight_kg"]),
        ]
        for number, bag in enumerate(bags, 1)
    ]
    sums = re.search(r"^\S+ (\d+) ([\d.]+) ([\d.]+) (-?[\d.]+)$", text.replace("कु ल", "कुल"), re.MULTILINE)
    assert sums is not None
    assert [float(value) for value in sums.groups()] == [
        bill["child_count"],
        bill["weight_kg"],
        bill["expected_weight_kg"],
        bill["variance_kg"],
    ]
    for n in range(31):
        assert f"P3-{n}" in text
    assert codes_on(pdf) == [bill["number"]]


async def test_pages_are_numbered_and_heads_repeat(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    codes = await many_parents(floor, "P", 120, 0)
    await floor.biller.post(f"/bills/{bill['id']}/bags/many", {"codes": codes})
    found = pages(await file(await floor.biller.get(f"/bills/{bill['id']}/export")))
    assert len(found) > 2
    for number, page in enumerate(found, 1):
        assert f"Page {number} of {len(found)}" in page
        assert "Parent bag" in page
    assert [row[1] for row in manifest_rows("\n".join(found))] == codes
    alone = pages(await file(await floor.biller.get(f"/bills/{bill['id']}/export", manifest="none")))
    assert len(alone) == 1
    assert "P00000" not in alone[0]


async def test_workbook_and_csv_say_the_same_and_text_stays_text(floor: Floor) -> None:
    bill = await filled_bill(floor)
    await packed(floor, "=1+1", 1)
    await packed(floor, "'P4", 1)
    await packed(floor, "_x000D_", 1)
    await packed(floor, "00123", 1)
    for code in ("=1+1", "'P4", "_x000D_", "00123"):
        await attach(floor.biller, bill["id"], code)
    bill = (await floor.biller.get(f"/bills/{bill['id']}")).json()
    path = f"/bills/{bill['id']}/export"
    book = fastexcel.read_excel(await file(await floor.biller.get(path, format="xlsx", manifest="children")))
    assert book.sheet_names == ["Bill", "Manifest", "Child bags"]
    fields = dict(book.load_sheet("Bill", header_row=None, dtypes="string").to_polars().rows())
    assert float(fields["Weight (kg)"]) == bill["weight_kg"]
    assert (int(fields["Parent bags"]), int(fields["Child bags"])) == (7, bill["child_count"])
    parents = book.load_sheet("Manifest").to_polars()
    assert parents["Parent bag"].to_list() == ["P1", "P2", "P3", "=1+1", "'P4", "_x000D_", "00123"]
    assert parents["Child bags"].sum() == bill["child_count"]
    assert parents["Weight (kg)"].sum() == bill["weight_kg"]
    children = book.load_sheet("Child bags").to_polars()
    assert len(children) == bill["child_count"]

    plain = (await file(await floor.biller.get(path, format="csv"))).decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(plain)))
    assert [row["Parent bag"] for row in rows] == ["P1", "P2", "P3", "'=1+1", "''P4", "_x000D_", "00123"]
    assert sum(int(row["Child bags"]) for row in rows) == bill["child_count"]
    every = (await file(await floor.biller.get(path, format="csv", manifest="children"))).decode("utf-8-sig")
    assert len(list(csv.reader(io.StringIO(every)))) == 1 + bill["child_count"] + 1
    one = (await file(await floor.biller.get(path, format="csv", manifest="none"))).decode("utf-8-sig")
    assert next(csv.DictReader(io.StringIO(one)))["Number"] == bill["number"]
    hindi = (await file(await floor.biller.get(path, format="csv", lang="hi"))).decode("utf-8-sig")
    assert "बड़ा बैग" in hindi


async def test_a_completed_bills_documents_keep_its_weights(floor: Floor) -> None:
    bill = await filled_bill(floor)
    await floor.biller.post(f"/bills/{bill['id']}/complete")
    kinds = (await floor.admin.get("/bag-types")).json()["items"]
    await floor.admin.patch(f"/bag-types/{kinds[0]['id']}", {"child_weight_kg": 9})
    text = "\n".join(pages(await file(await floor.biller.get(f"/bills/{bill['id']}/export"))))
    assert [row[3] for row in manifest_rows(text)] == ["3", "0", "31"]


async def test_documents_are_for_the_office_and_a_missing_bill_has_none(floor: Floor) -> None:
    bill = await filled_bill(floor)
    assert (await floor.north.get(f"/bills/{bill['id']}/export")).status_code == 403
    assert (await floor.biller.get("/bills/999999/export")).json()["code"] == "bill_not_found"
    assert (await floor.biller.get(f"/bills/{bill['id']}/export", format="doc")).status_code == 422
    for nobodys in ("xx", "0", "hi-IN", "/../en", "हिन्दी"):
        other = await floor.biller.get(f"/bills/{bill['id']}/export", lang=nobodys)
        assert "Dispatch bill" in pages(other.content)[0]


@pytest.mark.parametrize("symbol", ["qr", "datamatrix"])
async def test_labels_hold_codes_that_scanners_read(floor: Floor, symbol: str) -> None:
    codes = ["SB00012", "M444-00017", "lower/case.1", "0016586", "बैग-12", "x" * 60]
    body = {"codes": codes, "symbol": symbol, "label_width_mm": 60, "label_height_mm": 60, "outline": True}
    pdf = await file(await floor.biller.post("/labels", body))
    assert sorted(codes_on(pdf, scale=5)) == sorted(codes)
    assert "SB00012" in pages(pdf)[0]
    with pdfplumber.open(io.BytesIO(pdf)) as document:
        page = document.pages[0]
        millimetres = 72 / 25.4
        assert (page.width, page.height) == pytest.approx((210 * millimetres, 297 * millimetres), abs=0.1)
        edges = sorted({round(r["x0"] / millimetres, 1) for r in page.rects if r["width"] > 165})
        assert edges == [0, 60, 120]


async def test_label_sheets_fill_page_after_page_in_any_size(floor: Floor) -> None:
    codes = [f"L{n:03}" for n in range(50)]
    pdf = await file(await floor.biller.post("/labels", {"codes": codes, "skip": 2}))
    found = pages(pdf)
    assert [len(re.findall(r"L\d{3}", page)) for page in found] == [22, 24, 4]
    roll = {"page_width_mm": 50, "page_height_mm": 25, "label_width_mm": 50, "label_height_mm": 25}
    pdf = await file(
        await floor.biller.post("/labels", {"codes": codes[:3], "copies": 2, "margin_y_mm": 0, **roll})
    )
    assert [re.findall(r"L\d{3}", page) for page in pages(pdf)] == [[c] for c in codes[:3] for _ in (0, 1)]
    assert codes_on(pdf, page=2, scale=6) == ["L001"]
    big = await floor.biller.post("/labels", {"codes": ["A"], "label_width_mm": 300})
    assert (big.status_code, big.json()["code"]) == (422, "labels_do_not_fit")
    bad = await floor.biller.post("/labels", {"codes": ["A", "a\u200bb"]})
    assert (bad.status_code, bad.json()["code"]) == (422, "bad_code")


async def test_a_long_manifest_is_ready_in_ten_seconds_while_the_site_answers(floor: Floor) -> None:
    bill = await new_bill(floor.biller)
    count = length(test=300, soak=2000)
    codes = await many_parents(floor, "P", count, 30)
    for start in range(0, count, 500):
        await floor.biller.post(f"/bills/{bill['id']}/bags/many", {"codes": codes[start : start + 500]})
    done = await floor.biller.post(f"/bills/{bill['id']}/complete")
    assert (done.json()["parent_count"], done.json()["child_count"]) == (count, count * 30), done.text
    began = time.monotonic()
    pdf = await file(await floor.biller.get(f"/bills/{bill['id']}/export", manifest="children"))
    assert_fast(time.monotonic() - began, 10, f"manifest of {count * 30} children, {len(pdf) // 1024} KB, s")
    assert len(pypdfium2.PdfDocument(pdf)) > count // 20
    # The session that attached them one by one changes them all in less than its time limit.
    again = await floor.biller.post(f"/bills/{bill['id']}/reopen", {"reason": "one too many"})
    assert (again.status_code, again.json()["state"]) == (200, "processing"), again.text
