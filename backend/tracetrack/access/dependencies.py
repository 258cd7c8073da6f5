"""Who may call a route: each route asks for its actor by one of these names.

``actor: Scanner`` is both the rule and the value. Every rule carries the roles it lets in
(``roles``), so that a route without one can be found by looking.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from starlette.requests import Request

from tracetrack.access import keys, sessions, tokens
from tracetrack.access.actor import Actor, Role
from tracetrack.access.limits import count_request
from tracetrack.access.scopes import Scope, scope_of
from tracetrack.access.wall import bound_to
from tracetrack.platform.logs import request_id
from tracetrack.platform.problems import Problem


class SignedInAs(SecurityBase):
    """The rule of a route: a living session, of one of these roles.

    Args:
        roles: who may.
        not_ready: let in who must choose a new password or set up a second factor first.
        programs: let in keys too, not people alone.
        any_scope: let in keys whatever their scopes.
    """

    def __init__(
        self, *roles: Role, not_ready: bool = False, programs: bool = True, any_scope: bool = False
    ) -> None:
        self.model = HTTPBearer(
            bearerFormat="JWT",
            description="`access_token` of `POST /auth/login`, or a key of `POST /api-keys`",
        )
        self.scheme_name = "bearer"
        self.roles = frozenset(roles)
        self.not_ready = not_ready
        self.programs = programs
        self.any_scope = any_scope

    async def __call__(self, request: Request) -> Actor:
        """The actor of a request.

        Raises:
            Problem: ``unauthorized``, ``session_ended``, ``too_many_requests``,
                ``password_change_required``, ``totp_setup_required``, ``forbidden``, ``scope_missing``.
        """
        address = request.client.host if request.client else ""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise tokens.unauthorized()
        if token.startswith(keys.BEGINNING):
            session = await keys.signed_in_by_key(token, address)
            # A program has no password to change, no sessions and no profile.
            if not self.programs:
                raise Problem("forbidden")
            if (
                session.scopes is not None
                and not self.any_scope
                and (needed := scope_of(request.scope["route"])) not in session.scopes
            ):
                raise Problem("scope_missing", scope=needed)
        else:
            session = await sessions.signed_in(token)
        request.state.user_id = session.user_id
        await count_request(request, session.user_id)
        refusal = self._refusal(session)
        if refusal and not token.startswith(keys.BEGINNING):
            # Another worker may have given access a moment ago: what is remembered refuses nobody.
            session = await sessions.signed_in(token, current=True)
            refusal = self._refusal(session)
        request.state.session = session
        if refusal:
            raise Problem(refusal)
        actor = Actor(
            user_id=session.user_id,
            username=session.username,
            role=session.role,
            area_id=session.area_id,
            session_id=session.session_id,
            must_change_password=session.must_change_password,
            request_id=request_id.get(),
            address=address,
        )
        bound_to(actor)
        return actor

    def scope(self, route: Any) -> Scope | None:
        """The scope that a key needs for a route with this rule; None where any does, or no key may call."""
        programs = self.programs and not self.any_scope and self.roles != {Role.admin}
        return scope_of(route) if programs else None

    def _refusal(self, session: sessions.SignedIn) -> str | None:
        """Why this session may not call the route."""
        if session.must_change_password and not self.not_ready:
            return "password_change_required"
        if session.must_set_up_totp and not self.not_ready:
            return "totp_setup_required"
        return None if session.role in self.roles else "forbidden"


class Anyone:
    """The rule of the few routes that nobody has signed in for yet."""

    roles = frozenset[Role]()

    async def __call__(self) -> None:
        """Let in."""


ANYONE = Depends(Anyone())
"""For ``dependencies=[ANYONE]``: a route without an actor, on purpose."""

Itself = Annotated[Actor, Depends(SignedInAs(*Role, not_ready=True, any_scope=True))]
"""Whoever asks who it is: people as :data:`AnyActor`, and every key."""

AnyActor = Annotated[Actor, Depends(SignedInAs(*Role, not_ready=True, programs=False))]
"""Signed in, even when a new password must be chosen or a second factor set up first."""

Oneself = Annotated[Actor, Depends(SignedInAs(*Role, programs=False))]
"""Every role, but people only: what one asks for oneself."""

OfficeSelf = Annotated[Actor, Depends(SignedInAs(Role.biller, Role.admin, not_ready=True, programs=False))]
"""Billers and admins, for the second factor, which they may have to set up first."""

Scanner = Annotated[Actor, Depends(SignedInAs(*Role))]
"""May scan and look up: every role."""

Biller = Annotated[Actor, Depends(SignedInAs(Role.biller, Role.admin))]
"""May make bills and see all areas."""

Admin = Annotated[Actor, Depends(SignedInAs(Role.admin))]
"""May everything."""
