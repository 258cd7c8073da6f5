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
    "code_foreign": (
        "This is a Wi-Fi, payment, contact or web code, or a product's number. Is it a bag? Then set a"
        " label pattern for it.",
        "यह Wi-Fi, भुगतान, संपर्क या वेब का कोड है, या किसी उत्पाद का नंबर। क्या यह बैग है? तब इसके लिए लेबल पैटर्न बनाएँ।",
    ),
    "cell_error": ("Excel shows an error in this cell.", "इस खाने में Excel की त्रुटि है।"),
    "date_as_code": ("Excel has made a date of this code.", "Excel ने इस कोड को तारीख बना दिया है।"),
    "scientific_as_code": (
        "Excel has made a number like 1.2E+04 of this code; type it again as text.",
        "Excel ने इस कोड को 1.2E+04 जैसी संख्या बना दिया है; इसे टेक्स्ट के रूप में फिर लिखें।",
    ),
    "boolean_as_code": (
        "Excel has made TRUE or FALSE of this code.",
        "Excel ने इस कोड को TRUE या FALSE बना दिया है।",
    ),
    "formula_not_computed": (
        "This formula has no value yet; open the file in Excel, save it, and upload it again.",
        "इस सूत्र का मान अभी नहीं निकला है; फ़ाइल को Excel में खोलें, सहेजें और फिर अपलोड करें।",
    ),
    "format_hides": (
        "The number format of this cell hides its value.",
        "इस खाने का संख्या-प्रारूप मान को छिपाता है।",
    ),
    "format_unclear": (
        "It is not certain what Excel shows in this cell; make it a text.",
        "Excel इस खाने में क्या दिखाता है, यह पक्का नहीं है; इसे टेक्स्ट बनाएँ।",
    ),
    "column_too_narrow": (
        "Only #### is in this cell: the column was too narrow; widen it and save again.",
        "इस खाने में केवल #### है: फ़ाइल सहेजते समय कॉलम बहुत संकरा था; उसे चौड़ा करके फिर सहेजें।",
    ),
    "word_for_nothing": (
        "This word stands for an empty cell; it is no bag's code.",
        "यह शब्द खाली खाने के लिए है; यह किसी बैग का कोड नहीं है।",
    ),
    "total_row": ("This row is a total, not a bag.", "यह पंक्ति कुल जोड़ है, बैग नहीं।"),
    "note_row": (
        "This row is a note of the report, not a bag.",
        "यह पंक्ति रिपोर्ट की टिप्पणी है, बैग नहीं।",
    ),
    "digits_not_ascii": (
        "The digits of this code are of another script than those on labels.",
        "इस कोड के अंक दूसरी लिपि के हैं; लेबल पर 0 से 9 छपे होते हैं।",
    ),
    "letters_full_width": (
        "The letters of this code are full-width ones, which labels do not have.",
        "इस कोड के अक्षर चौड़े रूप वाले हैं, जो लेबल पर नहीं होते।",
    ),
    "letters_garbled": (
        "The letters of this code were garbled when the file was saved; save it as UTF-8.",
        "फ़ाइल सहेजते समय इस कोड के अक्षर बिगड़ गए; उसे UTF-8 में सहेजें।",
    ),
    "several_codes": (
        "There are several codes in this cell; write one row for each.",
        "इस खाने में कई कोड हैं; हर कोड की एक पंक्ति लिखें।",
    ),
    "quotes_unclear": (
        "The quotes in this row do not match, so its cells may be wrong.",
        "इस पंक्ति में उद्धरण चिह्न मेल नहीं खाते, इसलिए खाने गलत हो सकते हैं।",
    ),
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
    "format_kept": (
        "Only Excel's number format shows this code so; it was taken as Excel shows it.",
        "यह कोड केवल Excel के प्रारूप से ऐसा दिखता है; जैसा दिखता है वैसा ही लिया गया।",
    ),
    "format_regional": (
        "Excel shows this cell differently on computers of other regions; check it against the label.",
        "दूसरे क्षेत्र के कंप्यूटर पर Excel इस खाने को अलग दिखाता है; लेबल से मिलाएँ।",
    ),
    "number_shortened": (
        "Excel shows this long number shortened; all its digits were taken.",
        "Excel इस लंबी संख्या को छोटा करके दिखाता है; इसके सभी अंक लिए गए।",
    ),
    "merged_filled": (
        "This cell is merged with the one above; its value was taken for this row too.",
        "यह खाना ऊपर वाले खाने से जुड़ा है; उसका मान इस पंक्ति के लिए भी लिया गया।",
    ),
    "quotes_removed": (
        "The quotes around this code were taken off.",
        "इस कोड के दोनों ओर के उद्धरण चिह्न हटा दिए गए।",
    ),
    "apostrophe_removed": (
        "The apostrophe in front of this code was taken off.",
        "इस कोड के आगे का ऊर्ध्व अल्पविराम (') हटा दिया गया।",
    ),
    "like_a_date": (
        "This looks like a date that Excel has made of a code; check it against the label.",
        "यह तारीख जैसा दिखता है, जो Excel ने कोड से बनाई होगी; लेबल से मिलाएँ।",
    ),
    "letters_unclear": (
        "The file is in an old encoding, so letters of this cell may be wrong; save it as CSV UTF-8.",
        "फ़ाइल पुरानी लिपि में है, इसलिए इस खाने के अक्षर गलत हो सकते हैं; CSV UTF-8 में सहेजें।",
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
        "This is not an Excel (.xlsx) or CSV file, whatever its name; open it in Excel and save it as .xlsx.",
        "नाम चाहे जो हो, यह Excel (.xlsx) या CSV फ़ाइल नहीं है; इसे Excel में खोलें और .xlsx में सहेजें।",
    ),
    "file_lock": (
        "Excel has left this file while the workbook is open; choose the one without ~$ in its name.",
        "कार्यपुस्तिका खुली होने पर Excel यह फ़ाइल बनाता है; वह फ़ाइल चुनें जिसके नाम में ~$ नहीं है।",
    ),
    "file_numbers": (
        "This is a Numbers document; export it as Excel (.xlsx).",
        "यह Numbers दस्तावेज़ है; इसे Excel (.xlsx) में निर्यात करें।",
    ),
    "file_zipped": (
        "The workbook is packed in a zip file; unpack it and choose the workbook.",
        "कार्यपुस्तिका zip फ़ाइल में बंद है; उसे खोलकर कार्यपुस्तिका चुनें।",
    ),
    "file_json": (
        "This is a JSON file; save the table as .xlsx or .csv.",
        "यह JSON फ़ाइल है; तालिका को .xlsx या .csv में सहेजें।",
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
        "There is a value in cell {cell}, beyond column {columns} or row {rows}; delete it.",
        "खाने {cell} में मान है, जो कॉलम {columns} या पंक्ति {rows} से बाहर है; उसे हटाएँ।",
    ),
    "file_part_twice": (
        "A part of the workbook is there twice ({part}); open the file in Excel and save it.",
        "कार्यपुस्तिका का एक भाग दो बार है ({part}); फ़ाइल को Excel में खोलें और सहेजें।",
    ),
    "sheet_not_cells": (
        "This is a chart or a macro sheet; it was skipped.",
        "यह चार्ट या मैक्रो शीट है; इसे छोड़ दिया गया।",
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
    "blocks_side_by_side": (
        "Two tables are beside each other; put them one below the other, or on sheets of their own.",
        "दो तालिकाएँ साथ-साथ हैं; उन्हें एक के नीचे एक रखें या अलग-अलग शीट पर।",
    ),
    "children_in_columns": (
        "The children of a parent are beside each other; write one row for each child.",
        "एक बड़े बैग के छोटे बैग साथ-साथ कॉलम में हैं; हर छोटे बैग की एक पंक्ति लिखें।",
    ),
    "report_of_groups": (
        "This is the report of a packing sheet or bill sheet; correct that sheet itself and upload it.",
        "यह पैकिंग या बिल शीट की रिपोर्ट है; उसी शीट को सुधारकर अपलोड करें।",
    ),
    "sheet_is_summary": (
        "This sheet counts bags instead of naming them.",
        "यह शीट बैगों के कोड नहीं, उनकी गिनती बताती है।",
    ),
    "sheet_unlike_others": (
        "The headings of this sheet name no bags, those of another sheet do.",
        "इस शीट के शीर्षक बैग नहीं बताते, दूसरी शीट के बताते हैं।",
    ),
    "sheet_hidden": ("This sheet is hidden.", "यह शीट छिपी हुई है।"),
    "sheet_left_out": ("This sheet was left out.", "यह शीट छोड़ी गई।"),
    "hidden_rows": (
        "{count} rows that a filter or the user hides were read all the same.",
        "फ़िल्टर या उपयोगकर्ता से छिपी {count} पंक्तियाँ भी पढ़ी गईं।",
    ),
    "secret_in_file": (
        "A cell holds the password of a Wi-Fi or one-time password label. It is left out, and the file is"
        " not kept after its import.",
        "एक खाने में Wi-Fi या वन-टाइम पासवर्ड लेबल का पासवर्ड है। वह छोड़ दिया गया, और आयात के बाद फ़ाइल नहीं रखी जाती।",
    ),
    "encoding_guessed": (
        "Letters beyond A to Z may be wrong: the file is in an old encoding. Save it as CSV UTF-8.",
        "A से Z के अलावा अक्षर गलत हो सकते हैं: फ़ाइल पुरानी लिपि में है। CSV UTF-8 में सहेजें।",
    ),
    "separator_line": (
        "The line sep= was taken as what it says about the separator.",
        "sep= वाली पंक्ति को विभाजक की सूचना माना गया।",
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


def row_sentence(
    reason: str,
    note: Mapping[str, Any] | None,
    sheets: list[str],
    language: str = "en",
    *,
    grouped: bool = False,
) -> str:
    """As :func:`sentence`, with what the row's note adds: the other parent, the first row, the number.

    Args:
        reason: the code.
        note: of the row.
        sheets: the names of the file's sheets.
        language: ``en`` or ``hi``.
        grouped: the parent, or bill, is named by the row that closes the group.
    """
    text = sentence(reason, language)
    note = note or {}
    hindi = language == "hi"
    more = []
    if "meant" in note:
        more.append(f"क्या यह {note['meant']} है?" if hindi else f"Did you mean {note['meant']}?")
    elif "first_row" in note:
        at = int(note.get("first_sheet", 0))
        row, sheet = note["first_row"], sheets[at] if at < len(sheets) else ""
        if hindi:
            more.append(f"पहली बार शीट “{sheet}” की पंक्ति {row} में।" if sheet else f"पहली बार पंक्ति {row} में।")
        else:
            more.append(f"First in row {row} of sheet “{sheet}”." if sheet else f"First in row {row}.")
    elif "closing_row" in note:
        row = note["closing_row"]
        more.append(f"देखें पंक्ति {row}।" if hindi else f"See row {row}.")
    elif "parent" in note:
        more.append(f"वह {note['parent']} में है।" if hindi else f"It is in {note['parent']}.")
    elif "bill" in note:
        more.append(f"वह बिल {note['bill']} पर है।" if hindi else f"It is on bill {note['bill']}.")
    elif "holder" in note and grouped:
        holder = note["holder"]
        more.append(f"इस समूह का कोड {holder} है।" if hindi else f"The code of its group is {holder}.")
    elif "shown" in note:
        more.append(f"Excel में: {note['shown']}" if hindi else f"In Excel: {note['shown']}")
    return " ".join([text, *more])
