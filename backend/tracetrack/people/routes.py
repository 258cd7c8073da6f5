"""Users, areas and site settings, for admins; everybody may read the areas he sees."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query

from tracetrack.access.actor import Role
from tracetrack.access.dependencies import Admin, Scanner
from tracetrack.people import areas, keys, service, settings
from tracetrack.people.keys import ApiKey, MadeKey, NewKey
from tracetrack.people.schemas import (
    Area,
    AreaChange,
    Id,
    NewArea,
    NewUser,
    OneLine,
    SettingsChange,
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
    responses=problems("name_taken", "weak_password", "area_required", "area_not_found"),
)
async def create_user(new: NewUser, actor: Admin) -> UserRecord:
    """Make a user."""
    return await service.create_user(actor, new)


@router.get("/users", responses=problems("bad_cursor"))
async def list_users(
    _: Admin,
    role: Role | None = None,
    area_id: Annotated[Id | None, Query()] = None,
    disabled: bool | None = None,
    q: Search = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> Page[UserRecord]:
    """Users by name."""
    return await service.list_users(
        role=role, area_id=area_id, disabled=disabled, q=q, cursor=cursor, limit=limit
    )


@router.patch(
    "/users/{user_id}",
    responses=problems("user_not_found", "last_admin", "weak_password", "area_required", "area_not_found"),
)
async def change_user(user_id: PathId, change: UserChange, actor: Admin) -> UserRecord:
    """Change a user. Another role, area or password, or being disabled, ends all his sessions."""
    return await service.change_user(actor, user_id, change)


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


@router.patch("/settings", responses=problems())
async def change_settings(change: SettingsChange, actor: Admin) -> SiteSettings:
    """Change some of the site's settings."""
    return await settings.change_settings(actor, change)


@router.post(
    "/api-keys", status_code=201, responses=problems("name_taken", "area_required", "area_not_found")
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
