"""The built front end: files of ``frontend/dist``, and its page for every other path."""

from __future__ import annotations

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

FOREVER = "public, max-age=31536000, immutable"
"""For files whose name holds a hash of what is in them."""


class Pages(StaticFiles):
    """Serve the front end; a path that is no file is a page of the application."""

    def __init__(self, folder: Path) -> None:
        super().__init__(directory=folder, html=True, check_dir=False)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """The file at ``path``, packed if the browser takes it so, or the application's page."""
        try:
            response = await super().get_response(path, scope)
        except HTTPException as error:
            if (
                error.status_code != 404
                or "." in path.rsplit("/", 1)[-1]
                or scope["path"].startswith("/api/")
            ):
                raise
            response = await super().get_response("index.html", scope)
        response.headers["cache-control"] = FOREVER if path.startswith("assets/") else "no-cache"
        return response


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
