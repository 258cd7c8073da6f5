"""Documents in the scripts of India and others: nothing is printed as a blank, nothing wide is cut."""

from __future__ import annotations

import io
import re
from pathlib import Path
from urllib.parse import unquote

import pdfplumber
import pytest

from tests.billing.bills import new_bill
from tests.floor import Floor
from tracetrack.billing.documents import fonts
from tracetrack.billing.documents.service import MM_PER_POINT
from tracetrack.platform.spreadsheet import attachment

SCRIPTS = {
    "NotoSans-": "Łódź Москва Ωμέγα",
    "NotoSansDevanagari": "नागपुर क्षेत्र",
    "NotoSansBengali": "কলকাতা ক্ষেত্র",
    "NotoSansGujarati": "અમદાવાદ ક્ષેત્ર",
    "NotoSansGurmukhi": "ਲੁਧਿਆਣਾ ਖੇਤਰ",
    "NotoSansKannada": "ಬೆಂಗಳೂರು ಕ್ಷೇತ್ರ",
    "NotoSansMalayalam": "കൊച്ചി ക്ഷേത്രം",
    "NotoSansOriya": "କଟକ କ୍ଷେତ୍ର",
    "NotoSansTamil": "சென்னை ஸ்ரீ",
    "NotoSansTelugu": "హైదరాబాద్ క్షేత్రం",
    "NotoSansArabic": "لکھنؤ ہندوستان",
    "NotoSansThai": "กรุงเทพฯ น้ำ",
    "NotoEmoji": "📦✅",
}


def test_the_templates_look_for_the_same_fonts_that_are_measured() -> None:
    listed = (Path(fonts.__file__).parent / "templates" / "fonts.typ").read_text()
    assert tuple(re.findall(r'"(Noto[^"]*)"', listed)) == fonts.FAMILIES
    licence = (fonts.FOLDER / "OFL.txt").read_text()
    for family in fonts.FAMILIES[1:-1]:
        assert family.rsplit(" ", 1)[-1].lower() in licence


async def test_every_script_is_printed_in_its_font(floor: Floor) -> None:
    for font, text in SCRIPTS.items():
        assert all(fonts.is_shown(char) for char in text), text
        bill = await new_bill(floor.biller, description=text)
        answer = await floor.biller.get(f"/bills/{bill['id']}/export", format="pdf")
        with pdfplumber.open(io.BytesIO(answer.content)) as document:
            used = {char["fontname"] for char in document.pages[0].chars}
            assert any(font in name for name in used), (font, used)
            assert "[U+" not in document.pages[0].extract_text()


async def test_what_no_font_has_is_printed_as_its_number_and_said(floor: Floor) -> None:
    bill = await new_bill(floor.biller, description="北京 bag")
    answer = await floor.biller.get(f"/bills/{bill['id']}/export", format="pdf")
    with pdfplumber.open(io.BytesIO(answer.content)) as document:
        text = document.pages[0].extract_text()
    assert "[U+5317][U+4EAC] bag" in text
    assert "Characters that could not be printed" in text
    labels = await floor.biller.post("/labels", {"codes": ["北-1"]})
    with pdfplumber.open(io.BytesIO(labels.content)) as document:
        assert "[U+5317]-1" in document.pages[0].extract_text()


@pytest.mark.parametrize(
    "code",
    ["W" * 30, "W" * 128, "MMWW@@%%" * 8, "क्षेत्र" * 10, "கொ" * 40, "北" * 12, "ﷺ" * 6, "📦" * 20, "C-1"],
)
async def test_wide_text_of_a_label_is_not_cut(floor: Floor, code: str) -> None:
    answer = await floor.biller.post("/labels", {"codes": [code], "outline": True})
    assert answer.status_code == 200, answer.text
    with pdfplumber.open(io.BytesIO(answer.content)) as document:
        page = document.pages[0]
        # The outline of the label; the symbol is made of paths inside it.
        box = max(page.rects, key=lambda rect: rect["width"] * rect["height"])
        printed = [char for char in page.chars if char["text"].strip()]
        assert printed
        for char in printed:
            assert char["x0"] >= box["x0"] - 0.5, char
            assert char["x0"] + char["size"] * 0.3 <= box["x1"] + 0.5, char
            middle = (char["top"] + char["bottom"]) / 2
            assert box["top"] <= middle <= box["bottom"], char
        assert max(char["size"] for char in printed) * MM_PER_POINT >= 0.7


async def test_a_bill_with_a_hindi_number_is_called_by_it(floor: Floor) -> None:
    bill = await new_bill(floor.biller, number="बिल-12/अ")
    for kind in ("pdf", "xlsx", "csv"):
        answer = await floor.biller.get(f"/bills/{bill['id']}/export", format=kind)
        disposition = answer.headers["content-disposition"]
        assert unquote(disposition.split("filename*=UTF-8''")[1]) == f"बिल-12-अ.{kind}"
        assert re.search(rf'filename="[ -~]+\.{kind}"', disposition)


@pytest.mark.parametrize(
    ("name", "plain", "whole"),
    [
        ("B-1", "B-1", "B-1"),
        ("बिल", "file", "बिल"),
        ('a"b\\c', "a-b-c", "a-b-c"),
        ("x\r\nSet-Cookie: y", "x--Set-Cookie- y", "x--Set-Cookie- y"),
        ("..", "file", "file"),
        ("é" * 200, "file", "é" * 80),
    ],
)
def test_a_name_is_safe_for_headers_and_file_systems(name: str, plain: str, whole: str) -> None:
    disposition = attachment(name, "pdf")
    assert disposition.startswith(f'attachment; filename="{plain}.pdf"; filename*=')
    assert unquote(disposition.split("UTF-8''")[1]) == f"{whole}.pdf"
