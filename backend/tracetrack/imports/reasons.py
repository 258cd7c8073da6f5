"""Why a row was refused, skipped or doubted, and why a file could not be read: in plain sentences.

Codes that scanning can answer too keep their sentence in :mod:`tracetrack.platform.problems`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tracetrack.platform.problems import PROBLEMS

ROWS: dict[str, tuple[str, str]] = {
    "parent_missing": ("There is no parent code in this row.", "इस पंक्ति में बड़े बैग का कोड नहीं है।"),
    "holder_missing": (
        "The row that closes this group has no code.",
        "इस समूह को बंद करने वाली पंक्ति में कोड नहीं है।",
    ),
    "bill_missing": ("There is no bill number in this row.", "इस पंक्ति में बिल नंबर नहीं है।"),
    "code_empty": ("The code is empty.", "कोड खाली है।"),
    "code_too_long": ("The code is too long.", "कोड बहुत लंबा है।"),
    "code_invisible": (
        "The code has characters that cannot be seen.",
        "कोड में ऐसे अक्षर हैं जो दिखाई नहीं देते।",
    ),
    "code_reserved": (
        "Codes that begin with TT: are commands for the scanner, not bags.",
        "TT: से शुरू होने वाले कोड स्कैनर के आदेश हैं, बैग नहीं।",
    ),
    "cell_error": ("Excel shows an error in this cell.", "इस खाने में Excel की त्रुटि है।"),
    "date_as_code": ("Excel has made a date of this code.", "Excel ने इस कोड को तारीख बना दिया है।"),
    "lot_too_long": ("The lot is too long.", "लॉट बहुत लंबा है।"),
    "variety_too_long": ("The variety is too long.", "किस्म बहुत लंबी है।"),
    "tag_too_long": ("The tag is too long.", "टैग बहुत लंबा है।"),
    "parent_without_children": (
        "There are no children above this parent.",
        "इस बड़े बैग के ऊपर कोई छोटा बैग नहीं है।",
    ),
    "child_without_parent": (
        "No parent follows this child.",
        "इस छोटे बैग के बाद कोई बड़ा बैग नहीं आता।",
    ),
    "parent_twice": ("This parent stands in the file twice.", "यह बड़ा बैग फ़ाइल में दो बार है।"),
    "bill_without_parents": ("There are no parents above this bill.", "इस बिल के ऊपर कोई बड़ा बैग नहीं है।"),
    "parent_without_bill": ("No bill follows this parent.", "इस बड़े बैग के बाद कोई बिल नहीं आता।"),
    "parent_not_found": (
        "There is no parent bag with this code; a bill takes registered bags only.",
        "इस कोड का कोई बड़ा बैग नहीं है; बिल पर केवल दर्ज बैग आते हैं।",
    ),
    "row_repeated": ("The file says this twice.", "फ़ाइल में यह दो बार है।"),
    "already_linked": ("This bag was in this parent already.", "यह बैग पहले से इसी बड़े बैग में है।"),
    "already_on_bill": ("This bag was on this bill already.", "यह बैग पहले से इसी बिल पर है।"),
    "parent_known": ("This parent was registered already.", "यह बड़ा बैग पहले से दर्ज है।"),
    "number_rounded": (
        "Excel may have changed this number; check it against the label.",
        "Excel ने यह संख्या बदल दी होगी; लेबल से मिलाएँ।",
    ),
    "zeros_hidden": (
        "Only Excel's number format shows the zeros in front; they were kept.",
        "आगे के शून्य केवल Excel के प्रारूप में दिखते हैं; उन्हें रखा गया।",
    ),
    "label_number_taken": (
        "Only the number of this long label was taken; set a label pattern so that scanners do the same.",
        "इस लंबे लेबल से केवल नंबर लिया गया; स्कैनर के लिए भी लेबल पैटर्न सेट करें।",
    ),
}
"""Reasons about one row."""

FILES: dict[str, tuple[str, str]] = {
    "file_empty": ("The file is empty.", "फ़ाइल खाली है।"),
    "file_no_rows": ("There are no rows with codes in the file.", "फ़ाइल में कोड वाली कोई पंक्ति नहीं है।"),
    "file_damaged": ("The file is damaged and cannot be read.", "फ़ाइल खराब है और पढ़ी नहीं जा सकती।"),
    "file_format": (
        "This is not an Excel (.xlsx) or CSV file.",
        "यह Excel (.xlsx) या CSV फ़ाइल नहीं है।",
    ),
    "file_old_or_locked": (
        "This is an old Excel file or has a password; save it as .xlsx without one.",
        "यह पुरानी Excel फ़ाइल है या इस पर पासवर्ड है; इसे बिना पासवर्ड .xlsx में सहेजें।",
    ),
    "file_no_workbook": (
        "There is no workbook in this file; save it from Excel as .xlsx.",
        "इस फ़ाइल में कार्यपुस्तिका नहीं है; Excel से .xlsx में सहेजें।",
    ),
    "file_no_sheet": ("There is no sheet in this workbook.", "इस कार्यपुस्तिका में कोई शीट नहीं है।"),
    "file_too_many_parts": (
        "The workbook has more than {most} parts.",
        "कार्यपुस्तिका में {most} से ज़्यादा भाग हैं।",
    ),
    "file_unpacks_too_large": (
        "The workbook unpacks to more than {most} MB.",
        "खुलने पर कार्यपुस्तिका {most} MB से बड़ी है।",
    ),
    "file_cell_far_out": (
        "A cell lies beyond column {columns} or row {rows}; delete what is out there.",
        "कोई खाना कॉलम {columns} या पंक्ति {rows} से बाहर है; उसे हटाएँ।",
    ),
    "file_encoding": (
        "The text is in no encoding that we know; save it as CSV UTF-8.",
        "फ़ाइल की लिपि पहचानी नहीं गई; CSV UTF-8 में सहेजें।",
    ),
    "file_too_demanding": (
        "The file is too large or damaged: reading it takes too much memory or time.",
        "फ़ाइल बहुत बड़ी या खराब है: पढ़ने में बहुत मेमोरी या समय लगता है।",
    ),
    "file_gone": (
        "The uploaded file is no longer stored; upload it again.",
        "फ़ाइल अब नहीं है; फिर से अपलोड करें।",
    ),
    "column_twice": (
        "Two columns have the same heading; choose the right one.",
        "दो कॉलम का शीर्षक एक ही है; सही कॉलम चुनें।",
    ),
    "columns_unknown": (
        "It is not clear which column is what; choose the columns.",
        "कौन सा कॉलम क्या है, यह साफ़ नहीं है; कॉलम चुनें।",
    ),
    "parent_column_missing": (
        "There is no column of parents; choose it.",
        "बड़े बैग का कॉलम नहीं मिला; उसे चुनें।",
    ),
    "sheet_empty": ("The sheet is empty.", "शीट खाली है।"),
    "mapping_shape": ("A sheet cannot be read in this way.", "शीट इस तरह नहीं पढ़ी जा सकती।"),
    "mapping_incomplete": ("A column that is needed was not chosen.", "ज़रूरी कॉलम नहीं चुना गया।"),
    "mapping_column_twice": (
        "One column was chosen for two things; choose another.",
        "एक ही कॉलम दो चीज़ों के लिए चुना गया; दूसरा चुनें।",
    ),
    "mapping_sheet": (
        "There is no sheet named “{sheet}” in this file.",
        "इस फ़ाइल में “{sheet}” नाम की शीट नहीं है।",
    ),
    "import_interrupted": (
        "The import was interrupted again and again; nothing was written.",
        "आयात बार-बार रुक गया; कुछ भी दर्ज नहीं हुआ।",
    ),
    "import_conflict": (
        "Others kept changing the same bags; nothing was written. Try again.",
        "दूसरे लोग यही बैग बदलते रहे; कुछ दर्ज नहीं हुआ। फिर कोशिश करें।",
    ),
    "import_error": (
        "Something went wrong on our side; nothing was written.",
        "हमारी ओर से कुछ गलत हुआ; कुछ दर्ज नहीं हुआ।",
    ),
}
"""Reasons about a whole file."""


def sentence(reason: str, language: str = "en", values: Mapping[str, Any] | None = None) -> str:
    """The sentence of a reason, in English or Hindi."""
    hindi = language == "hi"
    if reason in ROWS or reason in FILES:
        text = (ROWS.get(reason) or FILES[reason])[hindi]
        for name, value in (values or {}).items():
            text = text.replace("{" + name + "}", str(value))
        return text
    kind = PROBLEMS.get(reason)
    return (kind.hi if hindi else kind.en) if kind else reason


def row_sentence(reason: str, note: Mapping[str, Any] | None, sheets: list[str], language: str = "en") -> str:
    """As :func:`sentence`, with what the row's note adds: the other parent, the first row, the number."""
    text = sentence(reason, language)
    note = note or {}
    hindi = language == "hi"
    more = []
    if "first_row" in note:
        at = int(note.get("first_sheet", 0))
        sheet = sheets[at] if at < len(sheets) else ""
        place = f"{sheet} {note['first_row']}".strip()
        more.append(f"पहली बार पंक्ति {place} में।" if hindi else f"First in row {place}.")
    elif "parent" in note:
        more.append(f"वह {note['parent']} में है।" if hindi else f"It is in {note['parent']}.")
    elif "bill" in note:
        more.append(f"वह बिल {note['bill']} पर है।" if hindi else f"It is on bill {note['bill']}.")
    elif "shown" in note:
        more.append(f"Excel में: {note['shown']}" if hindi else f"In Excel: {note['shown']}")
    return " ".join([text, *more])
