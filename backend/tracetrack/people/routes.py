"""Users, areas and site settings, for admins; everybody may read the areas he sees."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query
from starlette.requests import Request

from tracetrack import __version__
from tracetrack.access.actor import Role
from tracetrack.access.dependencies import ANYONE, Admin, Oneself, Scanner
from tracetrack.access.once import IdempotencyKey
from tracetrack.access.routes import caller_of, refuse_foreign_page
from tracetrack.access.schemas import SessionsEnded
from tracetrack.people import areas, keys, promotions, registrations, service, settings
from tracetrack.people.keys import ApiKey, MadeKey, NewKey
from tracetrack.people.schemas import (
    Approval,
    Area,
    AreaChange,
    Decline,
    Id,
    MadeUser,
    NewArea,
    NewPromotion,
    NewRegistration,
    NewUser,
    OneLine,
    OneTimePassword,
    Promotion,
    PromotionApproval,
    Registration,
    RegistrationState,
    SettingsChange,
    Site,
    SiteSettings,
    UserChange,
    UserRecord,
)
from tracetrack.platform.paging import Cursor, Limit, Page
from tracetrack.platform.problems import problems

router = APIRouter(tags=["people"])

PathId = Annotated[int, Path(ge=1, lt=2**63)]
Search = Annotated[OneLine | None, Query(max_length=128, description="part of the name")]


@router.post(
    "/users",
    status_code=201,
    responses=problems(
        "idempotency_key_reused",
        "name_taken",
        "weak_password",
        "area_required",
        "area_not_found",
        "reauthentication_required",
    ),
)
async def create_user(new: NewUser, actor: Admin, key: IdempotencyKey = None) -> MadeUser:
    """Make a user; without `password`, with a one-time password that is told this once."""
    return await service.create_user(actor, new, key)


@router.get("/users", responses=problems("bad_cursor"))
async def list_users(
    _: Admin,
    role: Role | None = None,
    area_id: Annotated[Id | None, Query()] = None,
    disabled: bool | None = None,
    keys: Annotated[bool | None, Query(description="programs' users only, or people only")] = None,
    q: Search = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[UserRecord]:
    """Users by name."""
    return await service.list_users(
        role=role, area_id=area_id, disabled=disabled, keys=keys, q=q, cursor=cursor, limit=limit
    )


@router.get("/users/{user_id}", responses=problems("user_not_found"))
async def get_user(user_id: PathId, _: Admin) -> UserRecord:
    """One user."""
    return await service.get_user(user_id)


@router.patch(
    "/users/{user_id}",
    responses=problems(
        "user_not_found",
        "last_admin",
        "weak_password",
        "area_required",
        "area_not_found",
        "reauthentication_required",
    ),
)
async def change_user(user_id: PathId, change: UserChange, actor: Admin) -> UserRecord:
    """Change a user. Another role, area or password, or being disabled, ends all his sessions."""
    return await service.change_user(actor, user_id, change)


@router.post(
    "/users/{user_id}/one-time-password", responses=problems("user_not_found", "reauthentication_required")
)
async def reset_password(user_id: PathId, actor: Admin) -> OneTimePassword:
    """Give a user a one-time password, told this once, and end his sessions."""
    return await service.reset_password(actor, user_id)


@router.delete("/users/{user_id}/sessions", responses=problems("user_not_found", "reauthentication_required"))
async def end_user_sessions(user_id: PathId, actor: Admin) -> SessionsEnded:
    """Sign a user out everywhere; of oneself, everywhere else."""
    return await service.end_sessions(actor, user_id)


@router.delete(
    "/users/{user_id}/totp",
    status_code=204,
    responses=problems("user_not_found", "reauthentication_required"),
)
async def remove_user_second_factor(user_id: PathId, actor: Admin) -> None:
    """Take the second factor off a user who has lost his phone."""
    await service.remove_second_factor(actor, user_id)


@router.get("/site", dependencies=[ANYONE])
async def get_site() -> Site:
    """What everybody may know before signing in."""
    known = await settings.site_settings()
    return Site(name=known.site_name, registration=known.registration, version=__version__)


@router.post(
    "/registrations",
    status_code=202,
    dependencies=[ANYONE],
    responses=problems("not_found", "weak_password", "too_many_requests", "csrf"),
)
async def ask_for_account(asked: NewRegistration, request: Request) -> None:
    """Ask for an account, where the site allows it; an admin decides. The answer tells nothing of names."""
    refuse_foreign_page(request)
    await registrations.ask(caller_of(request), asked)


@router.get("/registrations", responses=problems("bad_cursor"))
async def list_registrations(
    _: Admin, state: RegistrationState | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[Registration]:
    """Who asked for an account, the newest first."""
    return await registrations.list_registrations(state, cursor, limit)


@router.post(
    "/registrations/{registration_id}/approve",
    status_code=201,
    responses=problems(
        "registration_not_found",
        "name_taken",
        "area_required",
        "area_not_found",
        "reauthentication_required",
    ),
)
async def approve_registration(registration_id: PathId, approval: Approval, actor: Admin) -> UserRecord:
    """Make the user who asked."""
    return await registrations.approve(actor, registration_id, approval)


@router.post(
    "/registrations/{registration_id}/decline",
    status_code=204,
    responses=problems("registration_not_found"),
)
async def decline_registration(registration_id: PathId, refusal: Decline, actor: Admin) -> None:
    """Say no to who asked for an account."""
    await registrations.decline(actor, registration_id, refusal.reason)


@router.post("/promotions", status_code=201, responses=problems("not_a_promotion", "promotion_waiting"))
async def ask_for_role(asked: NewPromotion, actor: Oneself) -> Promotion:
    """Ask for a higher role; an admin decides."""
    return await promotions.ask(actor, asked)


@router.get("/promotions", responses=problems("bad_cursor"))
async def list_promotions(
    actor: Oneself, state: RegistrationState | None = None, limit: Limit = 50, cursor: Cursor = None
) -> Page[Promotion]:
    """Who asked for a higher role, the newest first; who is no admin sees his own."""
    return await promotions.list_promotions(actor, state, cursor, limit)


@router.delete("/promotions/{promotion_id}", status_code=204, responses=problems("promotion_not_found"))
async def withdraw_promotion(promotion_id: PathId, actor: Oneself) -> None:
    """Take one's own request back."""
    await promotions.withdraw(actor, promotion_id)


@router.post(
    "/promotions/{promotion_id}/approve",
    responses=problems(
        "promotion_not_found", "not_a_promotion", "area_not_found", "reauthentication_required"
    ),
)
async def approve_promotion(promotion_id: PathId, approval: PromotionApproval, actor: Admin) -> Promotion:
    """Give the role that was asked for; the user signs in again."""
    return await promotions.approve(actor, promotion_id, approval)


@router.post("/promotions/{promotion_id}/decline", responses=problems("promotion_not_found"))
async def decline_promotion(promotion_id: PathId, refusal: Decline, actor: Admin) -> Promotion:
    """Say no to who asked for a higher role; the reason is shown to him."""
    return await promotions.decline(actor, promotion_id, refusal.reason)


@router.post("/areas", status_code=201, responses=problems("name_taken"))
async def create_area(new: NewArea, actor: Admin) -> Area:
    """Make an area."""
    return await areas.create_area(actor, new.name)


@router.get("/areas", responses=problems("bad_cursor"))
async def list_areas(actor: Scanner, limit: Limit = 50, cursor: Cursor = None) -> Page[Area]:
    """Areas by name; a dispatcher sees his own only."""
    return await areas.list_areas(actor, cursor, limit)


@router.patch("/areas/{area_id}", responses=problems("area_not_found", "name_taken", "area_in_use"))
async def change_area(area_id: PathId, change: AreaChange, actor: Admin) -> Area:
    """Rename an area, disable it, or take it back into use."""
    return await areas.change_area(actor, area_id, change)


@router.get("/settings", responses=problems())
async def read_settings(_: Admin) -> SiteSettings:
    """The site's settings."""
    return await settings.site_settings()


@router.patch("/settings", responses=problems("reauthentication_required", "totp_missing"))
async def change_settings(change: SettingsChange, actor: Admin) -> SiteSettings:
    """Change some of the site's settings."""
    return await settings.change_settings(actor, change)


@router.post(
    "/api-keys",
    status_code=201,
    responses=problems("name_taken", "area_required", "area_not_found", "reauthentication_required"),
)
async def create_key(new: NewKey, actor: Admin) -> MadeKey:
    """Make a key for a program; it is told this once."""
    return await keys.create_key(actor, new)


@router.get("/api-keys", responses=problems("bad_cursor"))
async def list_keys(_: Admin, limit: Limit = 50, cursor: Cursor = None) -> Page[ApiKey]:
    """All keys, the newest first, revoked ones too."""
    return await keys.list_keys(cursor, limit)


@router.delete("/api-keys/{key_id}", status_code=204, responses=problems("api_key_not_found"))
async def revoke_key(key_id: UUID, actor: Admin) -> None:
    """End a key, everywhere within a second."""
    await keys.revoke_key(actor, key_id)
