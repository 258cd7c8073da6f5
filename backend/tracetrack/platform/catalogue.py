"""The pages that a problem's ``type`` leads to: ``/problems`` and one page for each code."""

from __future__ import annotations

from html import escape

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from tracetrack.platform.problems import PROBLEMS, TYPES, Kind

ADVICE = {
    400: "Correct the request; sending it again as it is changes nothing.",
    401: "Sign in, or check the API key.",
    403: "Ask an admin for the right, or do first what the sentence names.",
    404: "Check the id or code. What belongs to another area is answered like what does not exist.",
    405: "Use a method that the header Allow names.",
    408: "Send the request again.",
    409: "What is there now does not allow it: read it again. Further members say what is in the way.",
    412: "Read it again, and repeat the change with the new ETag in If-Match.",
    413: "Send less at once.",
    415: "Send the content type that the OpenAPI document names.",
    422: "Correct the request; the member errors names the fields.",
    428: "Read it, and send its ETag in If-Match.",
    429: "Wait for the seconds in Retry-After, then send it again.",
    431: "Send fewer or shorter headers.",
    500: "Report it with the answer's X-Request-Id. A scan may be sent again with its scan_id.",
    503: "Wait for the seconds in Retry-After, then send it again.",
    507: "The operator must make room on the server's disk.",
}
"""What a client does, by status."""


def _entry(code: str, kind: Kind) -> str:
    return (
        f'<h2 id="{escape(code)}"><code>{escape(code)}</code> ({kind.status} {escape(kind.title)})</h2>'
        f'<p>{escape(kind.en)}</p><p lang="hi">{escape(kind.hi)}</p><p>{escape(ADVICE[kind.status])}</p>'
    )


def _page(title: str, body: str) -> Response:
    return HTMLResponse(
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><title>{escape(title)}</title>'
        f"</head><body><main><h1>{escape(title)}</h1>{body}</main></body></html>"
    )


async def _all(_: Request) -> Response:
    about = "<p>Every problem document of the API has a stable code. New codes are added: handle one that you"
    about += " do not know by its HTTP status.</p>"
    return _page("Problems", about + "".join(_entry(code, PROBLEMS[code]) for code in sorted(PROBLEMS)))


async def _one(request: Request) -> Response:
    code = request.path_params["code"]
    if code not in PROBLEMS:
        raise HTTPException(404)
    return _page(
        PROBLEMS[code].title, _entry(code, PROBLEMS[code]) + f'<p><a href="{TYPES}">All problems</a></p>'
    )


def catalogue() -> list[Route]:
    """The routes of the pages; everybody may read them."""
    return [Route(TYPES, _all), Route(TYPES + "/{code}", _one)]
