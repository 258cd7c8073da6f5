"""Every error that the API can give, each listed once: RFC 9457 problem details.

A problem's ``code`` is its stable name; the sentence is for people, in their language.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"

TYPES = "/problems"
"""Where the pages are that explain problems, see ``platform/catalogue.py``."""


class Kind(NamedTuple):
    """One kind of problem: HTTP status, short title, and the sentence in each language."""

    status: int
    title: str
    en: str
    hi: str


PROBLEMS: dict[str, Kind] = {
    # Requests that cannot be understood or are not allowed
    "invalid": Kind(422, "Invalid input", "Some of the input is not valid.", "दी गई जानकारी में कुछ गलत है।"),
    "malformed": Kind(400, "Malformed request", "The request could not be read.", "अनुरोध पढ़ा नहीं जा सका।"),
    "bad_code": Kind(
        422, "Not a bag code", "This code cannot be a bag code.", "यह कोड बैग का कोड नहीं हो सकता।"
    ),
    "bad_cursor": Kind(
        422,
        "Bad cursor",
        "This list position is not valid; start again.",
        "सूची की यह जगह मान्य नहीं है; फिर से शुरू करें।",
    ),
    "not_found": Kind(404, "Not found", "There is nothing here.", "यहाँ कुछ नहीं है।"),
    "idempotency_key_reused": Kind(
        422,
        "Idempotency-Key reused",
        "This Idempotency-Key came with a different request; send a new one.",
        "यह Idempotency-Key किसी और अनुरोध के साथ आई थी; नई भेजें।",
    ),
    "method_not_allowed": Kind(
        405, "Method not allowed", "This cannot be done here.", "यहाँ यह काम नहीं हो सकता।"
    ),
    "too_slow": Kind(
        408,
        "Too slow",
        "The request did not come whole in time; send it again.",
        "अनुरोध समय पर पूरा नहीं आया; फिर से भेजें।",
    ),
    "head_too_large": Kind(
        431,
        "Headers too large",
        "The headers of the request are too large.",
        "अनुरोध के हेडर बहुत बड़े हैं।",
    ),
    "too_large": Kind(413, "Too large", "The request is too large.", "अनुरोध बहुत बड़ा है।"),
    "unsupported_media_type": Kind(415, "Unsupported media type", "Send JSON.", "कृपया JSON भेजें।"),
    "unauthorized": Kind(401, "Sign in", "Please sign in.", "कृपया साइन इन करें।"),
    "bad_credentials": Kind(
        401, "Wrong name or password", "The name or the password is wrong.", "नाम या पासवर्ड गलत है।"
    ),
    "totp_required": Kind(
        401,
        "Code needed",
        "Give the code of your second factor too.",
        "अपने दूसरे ताले का कोड भी दें।",
    ),
    "totp_wrong": Kind(
        401,
        "Wrong code",
        "This code is wrong or was used already; wait for the next one.",
        "यह कोड गलत है या इस्तेमाल हो चुका है; अगले कोड का इंतज़ार करें।",
    ),
    "session_ended": Kind(
        401,
        "Signed out",
        "You have been signed out. Please sign in again.",
        "आप साइन आउट हो गए हैं। फिर से साइन इन करें।",
    ),
    "forbidden": Kind(403, "Not allowed", "Your role may not do this.", "आपकी भूमिका में इसकी अनुमति नहीं है।"),
    "scope_missing": Kind(
        403,
        "Scope missing",
        "This API key may not be used for this; it lacks the scope.",
        "इस API कुंजी से यह काम नहीं हो सकता; इसमें ज़रूरी अनुमति नहीं है।",
    ),
    "csrf": Kind(
        403, "Request not trusted", "This page is out of date; reload it.", "यह पेज पुराना है; इसे फिर से खोलें।"
    ),
    "password_change_required": Kind(
        403, "Choose a new password", "Choose a new password first.", "पहले नया पासवर्ड चुनें।"
    ),
    "totp_setup_required": Kind(
        403,
        "Set up the second factor",
        "Set up your second factor first.",
        "पहले अपना दूसरा ताला लगाएँ।",
    ),
    "code_required": Kind(
        422,
        "Code needed",
        "Give the code of your second factor too.",
        "अपने दूसरे ताले का कोड भी दें।",
    ),
    "reauthentication_required": Kind(
        403,
        "Prove who you are",
        "Give your password again; this may be done only right after.",
        "अपना पासवर्ड फिर से दें; यह काम उसके तुरंत बाद ही हो सकता है।",
    ),
    "too_many_requests": Kind(
        429, "Too many requests", "Too many tries; wait a moment.", "बहुत सारे प्रयास; थोड़ा रुकें।"
    ),
    "internal_error": Kind(
        500, "Something went wrong", "Something went wrong on our side.", "हमारी ओर से कुछ गलत हुआ।"
    ),
    "no_room": Kind(
        507,
        "No room",
        "The server's disk is almost full; tell whoever looks after it.",
        "सर्वर की डिस्क लगभग भर गई है; देखभाल करने वाले को बताएँ।",
    ),
    "storage_full": Kind(
        503,
        "The server's disk is full",
        "The server's disk is full, so nothing can be stored. Phones keep what is scanned and send it later.",
        "सर्वर की डिस्क भर गई है, इसलिए कुछ सहेजा नहीं जा सकता। फ़ोन स्कैन रखते हैं और बाद में भेजते हैं।",
    ),
    "busy": Kind(
        503, "Busy", "The system is busy; try again in a moment.", "सिस्टम व्यस्त है; थोड़ी देर में फिर कोशिश करें।"
    ),
    # The floor
    "bag_not_found": Kind(404, "No such bag", "There is no bag with this code.", "इस कोड का कोई बैग नहीं है।"),
    "parent_not_found": Kind(404, "No such parent bag", "Scan the parent bag first.", "पहले बड़ा बैग स्कैन करें।"),
    "scan_not_found": Kind(404, "No such scan", "There is no such scan.", "ऐसा कोई स्कैन नहीं है।"),
    "bag_is_child": Kind(
        409, "This is a child bag", "This is a child bag, not a parent bag.", "यह छोटा बैग है, बड़ा बैग नहीं।"
    ),
    "bag_is_parent": Kind(
        409, "This is a parent bag", "This is a parent bag, not a child bag.", "यह बड़ा बैग है, छोटा बैग नहीं।"
    ),
    "child_in_other_parent": Kind(
        409, "In another parent", "This bag is already in another parent bag.", "यह बैग पहले से दूसरे बड़े बैग में है।"
    ),
    "child_not_linked": Kind(
        409, "Not in a parent", "This bag is not in a parent bag.", "यह बैग किसी बड़े बैग में नहीं है।"
    ),
    "parent_locked": Kind(
        409,
        "Dispatched",
        "This parent bag is on a completed bill and cannot change.",
        "यह बड़ा बैग पूरे हो चुके बिल पर है और बदला नहीं जा सकता।",
    ),
    "bag_in_other_area": Kind(
        409, "Another area's bag", "This bag belongs to another area.", "यह बैग दूसरे क्षेत्र का है।"
    ),
    "bag_in_use": Kind(
        409,
        "Bag in use",
        "This bag is linked or on a bill and cannot be deleted.",
        "यह बैग जुड़ा हुआ है या बिल पर है, इसे हटाया नहीं जा सकता।",
    ),
    "code_taken": Kind(409, "Code taken", "This code belongs to another bag.", "यह कोड दूसरे बैग का है।"),
    "scan_id_taken": Kind(
        409, "Scan id taken", "This scan_id is already used.", "यह scan_id पहले से इस्तेमाल हो चुका है।"
    ),
    "scan_id_reused": Kind(
        409,
        "Scan id reused",
        "This scan_id was used for a different scan; send a new one.",
        "यह scan_id किसी और स्कैन के लिए इस्तेमाल हुआ था; नया भेजें।",
    ),
    "kind_uncertain": Kind(
        409,
        "Big bag or small bag?",
        "This may be a big bag or a small bag; scan it again if it is a big bag.",
        "पक्का नहीं है कि यह बड़ा बैग है या छोटा; बड़ा बैग है तो उसे फिर से स्कैन करें।",
    ),
    "parent_completed": Kind(
        409,
        "Bag was done",
        "This parent bag was said to be done; scan it again to open it again.",
        "यह बड़ा बैग पूरा हो चुका था; फिर से खोलने के लिए उसे दोबारा स्कैन करें।",
    ),
    "previous_missing": Kind(
        409,
        "An earlier scan is missing",
        "The scan before this one has not arrived; send that one first.",
        "इससे पहले का स्कैन नहीं पहुँचा है; पहले उसे भेजें।",
    ),
    "no_current_parent": Kind(409, "No parent bag open", "Scan the parent bag first.", "पहले बड़ा बैग स्कैन करें।"),
    "scan_not_refused": Kind(
        409,
        "Scan was accepted",
        "This scan was accepted; undo it instead.",
        "यह स्कैन मान लिया गया था; इसे वापस लें।",
    ),
    "nothing_to_undo": Kind(409, "Nothing to undo", "This scan changed nothing.", "इस स्कैन से कुछ नहीं बदला था।"),
    "undo_too_late": Kind(
        409,
        "Too late to undo",
        "Only the last 30 minutes can be undone.",
        "केवल पिछले 30 मिनट का काम वापस हो सकता है।",
    ),
    "undo_superseded": Kind(
        409,
        "Changed since",
        "The bag has changed since this scan.",
        "इस स्कैन के बाद बैग बदल चुका है।",
    ),
    # Bills
    "bill_not_found": Kind(404, "No such bill", "There is no such bill.", "ऐसा कोई बिल नहीं है।"),
    "bag_not_on_bill": Kind(
        409, "Not on this bill", "This bag is not on this bill.", "यह बैग इस बिल पर नहीं है।"
    ),
    "bag_on_other_bill": Kind(
        409, "On another bill", "This bag is already on another bill.", "यह बैग पहले से दूसरे बिल पर है।"
    ),
    "bill_completed": Kind(
        409,
        "Bill completed",
        "This bill is completed and cannot change.",
        "यह बिल पूरा हो चुका है और बदला नहीं जा सकता।",
    ),
    "bill_not_completed": Kind(
        409, "Bill not completed", "This bill is not completed.", "यह बिल अभी पूरा नहीं हुआ है।"
    ),
    "bill_empty": Kind(409, "Bill is empty", "There are no bags on this bill.", "इस बिल पर कोई बैग नहीं है।"),
    "bill_in_use": Kind(
        409,
        "Bill in use",
        "This bill has bags or was completed and cannot be deleted.",
        "इस बिल पर बैग हैं या यह पूरा हो चुका था, इसे हटाया नहीं जा सकता।",
    ),
    "number_taken": Kind(
        409, "Number taken", "There is already a bill with this number.", "इस नंबर का बिल पहले से है।"
    ),
    "totals_changed": Kind(
        409,
        "Totals changed",
        "The bill has changed since you checked it; check it again.",
        "आपके जाँचने के बाद बिल बदल गया है; फिर से जाँचें।",
    ),
    "receipt_not_found": Kind(404, "No such receipt", "There is no such receipt.", "ऐसी कोई रसीद नहीं है।"),
    "receipt_finished": Kind(409, "Receipt finished", "This receipt is finished.", "यह रसीद पूरी हो चुकी है।"),
    "return_not_found": Kind(404, "No such return", "There is no such return.", "ऐसी कोई वापसी नहीं है।"),
    "return_closed": Kind(
        409,
        "Return closed",
        "This return is already confirmed or cancelled.",
        "यह वापसी पहले ही पक्की या रद्द हो चुकी है।",
    ),
    "return_empty": Kind(
        409, "Return is empty", "There are no bags on this return.", "इस वापसी में कोई बैग नहीं है।"
    ),
    "return_changed": Kind(
        409,
        "Bags changed since",
        "Some of the bags have changed since; they are named.",
        "इनमें से कुछ बैग इस बीच बदल गए हैं; उनके कोड दिए गए हैं।",
    ),
    "bag_not_dispatched": Kind(
        409,
        "Not dispatched",
        "This bag is not on a completed bill.",
        "यह बैग किसी पूरे हो चुके बिल पर नहीं है।",
    ),
    "bad_period": Kind(
        422,
        "Bad period",
        "The period ends before it begins, or is longer than 800 days.",
        "अवधि शुरू होने से पहले खत्म होती है, या 800 दिनों से लंबी है।",
    ),
    "document_too_large": Kind(
        422,
        "Too large to print",
        "This is too large for one document; take the spreadsheet.",
        "यह एक दस्तावेज़ के लिए बहुत बड़ा है; स्प्रेडशीट लें।",
    ),
    "labels_do_not_fit": Kind(
        422,
        "Labels do not fit",
        "Not one label of this size fits on the page.",
        "इस आकार का एक भी लेबल पन्ने पर नहीं आता।",
    ),
    "precondition_required": Kind(
        428,
        "If-Match required",
        "Send the bill's ETag in If-Match.",
        "बिल का ETag If-Match में भेजें।",
    ),
    "stale": Kind(
        412,
        "Changed by somebody else",
        "Somebody else has changed this meanwhile; look at it again.",
        "इस बीच किसी और ने इसे बदल दिया है; फिर से देखें।",
    ),
    # People and settings
    "user_not_found": Kind(404, "No such user", "There is no such user.", "ऐसा कोई व्यक्ति नहीं है।"),
    "area_not_found": Kind(404, "No such area", "There is no such area.", "ऐसा कोई क्षेत्र नहीं है।"),
    "api_key_not_found": Kind(404, "No such key", "There is no such key.", "ऐसी कोई कुंजी नहीं है।"),
    "session_not_found": Kind(404, "No such session", "There is no such session.", "ऐसा कोई सत्र नहीं है।"),
    "registration_not_found": Kind(
        404,
        "No such request",
        "There is no such request, or it is decided already.",
        "ऐसा कोई अनुरोध नहीं है, या उस पर फ़ैसला हो चुका है।",
    ),
    "promotion_not_found": Kind(
        404,
        "No such request",
        "There is no such request, or it is decided already.",
        "ऐसा कोई अनुरोध नहीं है, या उस पर फ़ैसला हो चुका है।",
    ),
    "promotion_waiting": Kind(
        409,
        "Asked already",
        "You have asked already; wait for the answer.",
        "आप पहले ही पूछ चुके हैं; जवाब का इंतज़ार करें।",
    ),
    "not_a_promotion": Kind(
        422, "Not a higher role", "This is not a higher role than now.", "यह अभी से ऊँची भूमिका नहीं है।"
    ),
    "bag_type_not_found": Kind(
        404, "No such bag type", "There is no such bag type.", "ऐसा कोई बैग प्रकार नहीं है।"
    ),
    "label_pattern_not_found": Kind(
        404, "No such label pattern", "There is no such label pattern.", "ऐसा कोई लेबल पैटर्न नहीं है।"
    ),
    "name_taken": Kind(409, "Name taken", "This name is already used.", "यह नाम पहले से है।"),
    "area_required": Kind(422, "Area required", "A dispatcher needs an area.", "डिस्पैचर के लिए क्षेत्र ज़रूरी है।"),
    "area_in_use": Kind(
        409, "Area in use", "Somebody still works in this area.", "इस क्षेत्र में अभी लोग काम करते हैं।"
    ),
    "wrong_password": Kind(422, "Wrong password", "The current password is wrong.", "मौजूदा पासवर्ड गलत है।"),
    "wrong_code": Kind(
        422,
        "Wrong code",
        "This code is wrong or was used already; wait for the next one.",
        "यह कोड गलत है या इस्तेमाल हो चुका है; अगले कोड का इंतज़ार करें।",
    ),
    "totp_already_on": Kind(
        409,
        "Already set up",
        "You have a second factor already; take it off first.",
        "आपका दूसरा ताला पहले से लगा है; पहले उसे हटाएँ।",
    ),
    "totp_missing": Kind(
        409,
        "Second factor missing",
        "Set up your own second factor first.",
        "पहले अपना दूसरा ताला लगाएँ।",
    ),
    "totp_not_begun": Kind(
        409, "Not set up", "Begin with the second factor first.", "पहले दूसरा ताला लगाना शुरू करें।"
    ),
    "weak_password": Kind(
        422,
        "Password too weak",
        "Choose a longer password: at least 10 characters, and not the name.",
        "लंबा पासवर्ड चुनें: कम से कम 10 अक्षर, और नाम नहीं।",
    ),
    "last_admin": Kind(
        409, "Last admin", "There must be at least one admin.", "कम से कम एक एडमिन होना ज़रूरी है।"
    ),
    "bad_pattern": Kind(
        422, "Bad pattern", "This pattern is not a valid regular expression.", "यह पैटर्न मान्य नहीं है।"
    ),
    "bag_type_in_use": Kind(409, "Bag type in use", "This bag type is in use.", "यह बैग प्रकार इस्तेमाल में है।"),
    # Imports
    "import_not_found": Kind(404, "No such import", "There is no such import.", "ऐसा कोई आयात नहीं है।"),
    "import_repeated": Kind(
        409,
        "Imported before",
        "This very file came in before; confirm to import it again.",
        "यही फ़ाइल पहले आ चुकी है; फिर से आयात करने के लिए पुष्टि करें।",
    ),
    "import_unreadable": Kind(422, "File not readable", "The file cannot be read.", "फ़ाइल पढ़ी नहीं जा सकती।"),
    "import_file_gone": Kind(
        409,
        "File removed",
        "The file is no longer kept; upload it again.",
        "फ़ाइल अब नहीं रखी है; फिर से अपलोड करें।",
    ),
    "import_not_startable": Kind(
        409, "Already started", "This import has been started.", "यह आयात शुरू हो चुका है।"
    ),
    "import_finished": Kind(409, "Already finished", "This import is finished.", "यह आयात पूरा हो चुका है।"),
    "import_not_undoable": Kind(
        409,
        "Nothing to take back",
        "Only a completed import can be taken back.",
        "केवल पूरा हुआ आयात वापस लिया जा सकता है।",
    ),
    "import_not_removable": Kind(
        409,
        "Not removable",
        "Only an import that has written nothing can be removed; take a completed one back.",
        "केवल वह आयात हटाया जा सकता है जिसने कुछ दर्ज नहीं किया; पूरे हुए आयात को वापस लें।",
    ),
    "import_changed": Kind(
        409,
        "Changed since",
        "Bags of this import have been moved, filled or billed since.",
        "इस आयात के बैग बाद में बदले, भरे या बिल पर चढ़ाए गए हैं।",
    ),
}


class Problem(Exception):  # noqa: N818 - the RFC's word for it
    """An answer that is a problem; raised anywhere, made into a response in one place.

    Args:
        code: a key of :data:`PROBLEMS`.
        detail: a sentence that says more than the listed one.
        headers: response headers, such as ``Retry-After``.
        extra: further members of the problem document.
    """

    def __init__(
        self, code: str, detail: str | None = None, *, headers: dict[str, str] | None = None, **extra: Any
    ) -> None:
        super().__init__(code)
        self.code = code
        self.kind = PROBLEMS[code]
        self.detail = detail
        self.headers = headers or {}
        self.extra = extra

    def document(self, language: str = "en") -> dict[str, Any]:
        """The problem as a JSON object, its sentence in ``language``."""
        sentence = self.kind.hi if language == "hi" else self.kind.en
        return {
            "type": f"{TYPES}/{self.code}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail or sentence,
            "code": self.code,
            **self.extra,
        }

    def response(self, request: Request | None = None) -> Response:
        """The problem as an HTTP answer."""
        language = "hi" if request and request.headers.get("accept-language", "").startswith("hi") else "en"
        return Response(
            orjson.dumps(self.document(language), default=str),
            self.kind.status,
            self.headers,
            media_type=MEDIA_TYPE,
        )


def problems(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI ``responses`` of a route that can give these problems."""
    by_status: dict[int | str, dict[str, Any]] = {}
    for code in (*codes, "invalid", "unauthorized", "forbidden", "busy"):
        kind = PROBLEMS[code]
        entry = by_status.setdefault(
            kind.status,
            {
                "description": "",
                "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            },
        )
        entry["description"] = ", ".join(filter(None, [entry["description"], f"`{code}`"]))
    return by_status
