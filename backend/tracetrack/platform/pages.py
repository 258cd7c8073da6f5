"""The built front end: files of ``frontend/dist``, and its page for every other path.

The build leaves most files packed beside the plain ones (``.br``, ``.gz``); here one is only chosen.
"""

from __future__ import annotations

import errno
import mimetypes
import os
from pathlib import Path

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Match, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

FOREVER = "public, max-age=31536000, immutable"
"""For files whose name holds a hash of what is in them."""


PACKED = (("br", ".br"), ("gzip", ".gz"))
"""Content codings and the endings of the files that have them, best first."""


class Pages(StaticFiles):
    """Serve the front end; a path that is no file is a page of the application."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at ``path``, packed if the browser takes it so, or the application's page."""
        try:
            response = await self._packed(path, scope) or await super().get_response(path, scope)
        except HTTPException as error:
            if (
                error.status_code != 404
                or "." in path.rsplit("/", 1)[-1]
                or scope["path"].startswith("/api/")
            ):
                raise
            page = "index.html"
            response = await self._packed(page, scope) or await super().get_response(page, scope)
        response.headers["cache-control"] = FOREVER if path.startswith("assets/") else "no-cache"
        response.headers["vary"] = "Accept-Encoding"
        return response

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        """The file at ``path``; a name that no file can have is none's."""
        try:
            return super().lookup_path(path)
        except ValueError:
            return "", None
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            return "", None

    async def _packed(self, path: str, scope: Scope) -> Response | None:
        """The file at ``path`` in the best coding that the browser takes and the build has made."""
        path = "index.html" if path == "." else path
        accepted = codings(Headers(scope=scope).get("accept-encoding", ""))
        for coding, ending in PACKED:
            if coding in accepted and self.lookup_path(path + ending)[1] is not None:
                response = await super().get_response(path + ending, scope)
                kind, _ = mimetypes.guess_type(path)
                response.headers["content-type"] = kind or "application/octet-stream"
                if response.headers["content-type"].startswith("text/"):
                    response.headers["content-type"] += "; charset=utf-8"
                response.headers["content-encoding"] = coding
                return response
        return None


class Everywhere(Mount):
    """The pages' place: every path but the API's, whose own answers (404, 405) must not be hidden."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__("/", app, name="pages")

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether a request is for a page."""
        if scope["type"] != "http" or scope["path"].startswith("/api/"):
            return Match.NONE, {}
        match, inner = super().matches(scope)
        readable = scope["method"] in ("GET", "HEAD")
        return (match if readable or match is Match.NONE else Match.PARTIAL), inner


def documentation(folder: Path, *, shown: bool) -> list[Route]:
    """``/docs``: the API's page, a file of the build; without it nothing is there, below it neither."""

    async def page(_: Request) -> Response:
        return FileResponse(folder / "docs" / "index.html", headers={"cache-control": "no-cache"})

    async def nothing(_: Request) -> Response:
        raise HTTPException(404)

    if shown:
        return [Route("/docs", page)]
    return [Route("/docs", nothing), Route("/docs/{rest:path}", nothing)]


def codings(header: str) -> set[str]:
    """The content codings that an ``Accept-Encoding`` names and does not refuse (``q=0``)."""
    accepted = set()
    for part in header.lower().split(","):
        name, _, weight = part.partition(";")
        if weight.replace(" ", "").rstrip("0.") != "q=":
            accepted.add(name.strip())
    return accepted
