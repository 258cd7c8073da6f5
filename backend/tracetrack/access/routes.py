"""``/auth``: signing in and out, one's own profile, password and sessions.

The access token travels in the body and is kept in memory; the refresh token in a cookie that
no script can read. The two routes on which that cookie acts ask for ``X-CSRF-Token`` as well.
"""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit
from uuid import UUID

from fastapi import APIRouter, Header, Response
from starlette.requests import Request

from tracetrack.access import again, keys, service, sessions, tokens, totp
from tracetrack.access.actor import Role
from tracetrack.access.dependencies import ANYONE, AnyActor, Itself, OfficeSelf, SignedInAs
from tracetrack.access.limits import (
    BROWSER_COOKIE,
    BROWSER_DAYS,
    browser_cookie,
    count_refresh,
    count_wrong_token,
    trying,
)
from tracetrack.access.schemas import (
    Credentials,
    FirstCode,
    OwnProfile,
    PasswordChange,
    Proof,
    RecoveryCodes,
    SecondFactor,
    SecondFactorSecret,
    Session,
    SessionsEnded,
    Tokens,
    User,
)
from tracetrack.access.sessions import Caller, Ticket
from tracetrack.platform.clock import now
from tracetrack.platform.logs import request_id
from tracetrack.platform.paging import Cursor, Limit, Page
from tracetrack.platform.problems import Problem, problems
from tracetrack.settings import Settings

router = APIRouter(prefix="/auth", tags=["auth"])

COOKIE_PATH = "/api/v1/auth"
CSRF_COOKIE = "tt_csrf"

CsrfHeader = Annotated[
    str,
    Header(
        alias="X-CSRF-Token", max_length=200, description="the cookie `tt_csrf`, over TLS `__Host-tt_csrf`"
    ),
]


def _settings(request: Request) -> Settings:
    """The settings that the application was made with."""
    settings: Settings = request.app.state.settings
    return settings


def _https(settings: Settings) -> bool:
    return (settings.public_url or "").startswith("https://")


def _refresh_cookie(settings: Settings) -> str:
    """The cookie's name: over TLS one that browsers guard against neighbours on the same domain."""
    return "__Host-tt_refresh" if _https(settings) else "tt_refresh"


def _csrf_cookie(settings: Settings) -> str:
    return f"__Host-{CSRF_COOKIE}" if _https(settings) else CSRF_COOKIE


def caller_of(request: Request) -> Caller:
    """Where a request comes from."""
    return Caller(
        request_id=request_id.get(),
        address=request.client.host if request.client else "",
        user_agent=request.headers.get("user-agent", "").replace("\0", ""),
    )


def refuse_foreign_page(request: Request) -> None:
    """Browsers say which site a request comes from: it must be ours."""
    settings = _settings(request)
    origin = request.headers.get("origin")
    if origin is None:
        return
    ours = {request.headers.get("host", "").lower()}
    if settings.public_url:
        ours.add(urlsplit(settings.public_url).netloc.lower())
    try:
        theirs = urlsplit(origin).netloc.lower()
    except ValueError:
        theirs = ""
    if theirs not in ours - {""}:
        raise Problem("csrf")


def _set_cookies(response: Response, ticket: Ticket, settings: Settings) -> None:
    secure = _https(settings)
    seconds = max(0, int((ticket.expires_at - now()).total_seconds()))
    response.set_cookie(
        _refresh_cookie(settings),
        ticket.refresh_token,
        max_age=seconds,
        path="/" if secure else COOKIE_PATH,
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    response.set_cookie(
        _csrf_cookie(settings),
        sessions.csrf_token(ticket.session_id),
        max_age=seconds,
        secure=secure,
        samesite="strict",
    )


async def _know_browser(request: Request, response: Response, username: str, settings: Settings) -> None:
    """Let the browser be known again by the limits, whoever fails elsewhere in this name."""
    secure = _https(settings)
    response.set_cookie(
        f"__Host-{BROWSER_COOKIE}" if secure else BROWSER_COOKIE,
        await browser_cookie(request, username),
        max_age=BROWSER_DAYS * 86_400,
        path="/" if secure else COOKIE_PATH,
        secure=secure,
        httponly=True,
        samesite="strict",
    )


def _drop_cookies(response: Response, settings: Settings) -> None:
    secure = _https(settings)
    response.delete_cookie(
        _refresh_cookie(settings),
        path="/" if secure else COOKIE_PATH,
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    response.delete_cookie(_csrf_cookie(settings), secure=secure, samesite="strict")


@router.post(
    "/login",
    dependencies=[ANYONE],
    responses=problems("bad_credentials", "totp_required", "totp_wrong", "too_many_requests", "csrf"),
)
async def login(credentials: Credentials, request: Request, response: Response) -> Tokens:
    """Sign in. The refresh token comes in an HttpOnly cookie, the access token in the body.

    `totp_required` means that the password is right and the user has a second factor: send the same
    again with `totp`.
    """
    settings = _settings(request)
    refuse_foreign_page(request)
    async with trying(request, credentials.username):
        answer, ticket = await service.sign_in(credentials, caller_of(request), settings)
    _set_cookies(response, ticket, settings)
    await _know_browser(request, response, credentials.username, settings)
    return answer


@router.post(
    "/refresh", dependencies=[ANYONE], responses=problems("session_ended", "csrf", "too_many_requests")
)
async def refresh(request: Request, response: Response, csrf: CsrfHeader = "") -> Tokens:
    """Exchange the refresh cookie for a new one and a new access token.

    May be repeated within ten seconds when the answer was lost; a cookie that was replaced
    earlier ends the session.
    """
    settings = _settings(request)
    refuse_foreign_page(request)
    token = request.cookies.get(_refresh_cookie(settings))
    if not token:
        raise tokens.unauthorized()
    caller = caller_of(request)
    session_id = await sessions.of_refresh_token(token)
    if session_id is None:
        count_wrong_token(caller.address)
        raise tokens.unauthorized("session_ended")
    await count_refresh(session_id)
    answer, ticket = await service.refresh(token, csrf, caller, settings)
    _set_cookies(response, ticket, settings)
    return answer


@router.post(
    "/logout", status_code=204, dependencies=[ANYONE], responses=problems("csrf", "too_many_requests")
)
async def logout(request: Request, response: Response, csrf: CsrfHeader = "") -> None:
    """Sign out: by the access token, or by the refresh cookie with ``X-CSRF-Token``."""
    settings = _settings(request)
    refuse_foreign_page(request)
    token = request.cookies.get(_refresh_cookie(settings))
    if request.headers.get("authorization") and not (token and csrf):
        actor = await SignedInAs(*Role, not_ready=True, programs=False)(request)
        await service.sign_out(actor, caller_of(request))
    elif token:
        caller = caller_of(request)
        if not await sessions.end_by_refresh_token(token, csrf, caller):
            count_wrong_token(caller.address)
    else:
        raise tokens.unauthorized()
    _drop_cookies(response, settings)


@router.get("/me", responses=problems())
async def get_me(actor: Itself, request: Request) -> User:
    """Who is signed in; asked with a key, what the key is and may be used for."""
    if request.headers.get("authorization", "").partition(" ")[2].startswith(keys.BEGINNING):
        return await keys.itself(actor.session_id)
    return await service.who(actor.session_id)


@router.patch("/me", responses=problems())
async def change_me(profile: OwnProfile, actor: AnyActor) -> User:
    """Choose the language of one's screens."""
    return await service.change_language(actor, profile.language)


@router.post("/password", responses=problems("wrong_password", "weak_password", "too_many_requests"))
async def change_password(change: PasswordChange, actor: AnyActor, request: Request) -> User:
    """Choose a new password. Every other session of the user ends; this one stays."""
    # A stolen access token must not be a way to try passwords.
    async with trying(request, actor.username, signed_in=True):
        return await service.change_password(actor, change.current_password, change.new_password)


@router.get("/sessions", responses=problems("bad_cursor"))
async def list_sessions(
    actor: AnyActor, request: Request, limit: Limit = 50, cursor: Cursor = None
) -> Page[Session]:
    """Where one is signed in, newest first."""
    return await service.own_sessions(actor, cursor, limit, _settings(request))


@router.delete("/sessions/{session_id}", status_code=204, responses=problems("session_not_found"))
async def end_session(session_id: UUID, actor: AnyActor) -> None:
    """Sign out somewhere else; other people's sessions are not found."""
    await service.end_own_session(actor, session_id)


@router.delete("/sessions", responses=problems())
async def end_own_sessions(actor: AnyActor) -> SessionsEnded:
    """Sign out everywhere else; this session stays."""
    return await service.end_own_sessions(actor)


@router.post(
    "/reauthenticate",
    status_code=204,
    responses=problems("wrong_password", "wrong_code", "too_many_requests"),
)
async def reauthenticate(proof: Proof, actor: AnyActor, request: Request) -> None:
    """Prove again who one is, after `reauthentication_required`; then the refused call goes through."""
    async with trying(request, actor.username, signed_in=True):
        await again.prove(actor, proof.password, proof.totp)


@router.get("/totp", responses=problems())
async def second_factor(actor: AnyActor) -> SecondFactor:
    """One's own second factor."""
    return await totp.state(actor)


@router.post("/totp", status_code=201, responses=problems("totp_already_on", "reauthentication_required"))
async def begin_second_factor(actor: OfficeSelf) -> SecondFactorSecret:
    """Begin a second factor: a secret for an authenticator app, told this once."""
    await again.prove_lately(actor)
    return await totp.begin(actor)


@router.post("/totp/confirm", responses=problems("totp_not_begun", "wrong_code", "too_many_requests"))
async def confirm_second_factor(first: FirstCode, actor: OfficeSelf, request: Request) -> RecoveryCodes:
    """Take it into use with a code from the app; the recovery codes are told this once."""
    async with trying(request, actor.username, signed_in=True):
        return await totp.confirm(actor, first.code)


@router.post("/totp/recovery-codes", responses=problems("totp_not_begun", "reauthentication_required"))
async def new_recovery_codes(actor: OfficeSelf) -> RecoveryCodes:
    """Other recovery codes; those before count no longer."""
    await again.prove_lately(actor)
    return await totp.new_recovery_codes(actor)


@router.delete("/totp", status_code=204, responses=problems("reauthentication_required"))
async def remove_second_factor(actor: AnyActor) -> None:
    """Take one's own second factor off."""
    await again.prove_lately(actor)
    await totp.remove_own(actor)
