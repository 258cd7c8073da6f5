"""Bags over HTTP: lookup, list, detail, children, history; bag types and label patterns."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response

from tracetrack.access.dependencies import Admin, Biller, Scanner
from tracetrack.bags import catalog, labels, service
from tracetrack.bags.schemas import (
    AreaGiven,
    Bag,
    BagDetail,
    BagsGiven,
    BagState,
    BagType,
    BagTypeChange,
    BagTypeIn,
    CodesAsked,
    CodeStates,
    Event,
    Kind,
    LabelPattern,
    LabelPatternChange,
    LabelPatternIn,
    LabelReading,
    LabelTrial,
    LinkedChild,
)
from tracetrack.platform.clock import Moment
from tracetrack.platform.paging import Cursor, Limit, Page, UpdatedSince
from tracetrack.platform.problems import problems
from tracetrack.platform.spreadsheet import CSV, XLSX, download

router = APIRouter(tags=["bags"])

Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Code = Annotated[str, Query(max_length=2048)]
_FILE: dict[int | str, dict[str, Any]] = {
    200: {"content": {XLSX: {}, CSV.split(";")[0]: {}}, "description": "The file"}
}


@router.get("/bags/lookup", responses=problems("bag_not_found", "bad_code"))
async def look_up_bag(code: Code, actor: Scanner) -> BagDetail:
    """Find a bag by any code or label: what it is, where it is, its last scans."""
    return await service.look_up(actor, code)


@router.get("/bags/suggest", responses=problems("bad_code"))
async def suggest_codes(
    q: Annotated[str, Query(min_length=1, max_length=128)], actor: Scanner, kind: Kind | None = None
) -> list[str]:
    """Codes that begin with what was typed, for torn labels; `kind`: where only such a bag fits."""
    return await service.suggest(actor, q, kind)


@router.get("/bags", responses=problems("bad_cursor", "bad_code"))
async def list_bags(
    actor: Scanner,
    kind: Kind | None = None,
    state: BagState | None = None,
    area_id: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None,
    q: Annotated[str | None, Query(max_length=128, description="Part of a code")] = None,
    since: Annotated[Moment | None, Query(alias="from")] = None,
    until: Annotated[Moment | None, Query(alias="to")] = None,
    updated_since: UpdatedSince = None,
    sort: Literal["newest", "oldest", "code"] = "newest",
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Page[Bag]:
    """The bags that one may see; `from` and `to` are about when a bag was registered."""
    return await service.list_bags(
        actor,
        kind=kind,
        state=state,
        area_id=area_id,
        q=q,
        since=since,
        until=until,
        updated_since=updated_since,
        sort=sort,
        cursor=cursor,
        limit=limit,
    )


@router.post("/bags/states", responses=problems())
async def bag_states(asked: CodesAsked, actor: Scanner) -> CodeStates:
    """The state of each code of a list, in its order: up to 5,000 codes as pasted from a sheet."""
    return CodeStates(results=await service.states(actor, asked.codes))


@router.post(
    "/bags/states/export",
    responses=_FILE | problems(),
)
async def bag_states_file(
    asked: CodesAsked, actor: Biller, format: Literal["xlsx", "csv"] = "xlsx"
) -> Response:
    """The state of each code of a list as a file, a line a code."""
    return download(await service.states_file(actor, asked.codes, format), "tracetrack-codes", format)


@router.get("/bags/{bag_id}", responses=problems("bag_not_found"))
async def get_bag(bag_id: Id, actor: Scanner) -> BagDetail:
    """A bag with what surrounds it."""
    return await service.get_bag(actor, bag_id)


@router.get("/bags/{bag_id}/children", responses=problems("bag_not_found", "bad_cursor"))
async def list_children(
    bag_id: Id, actor: Scanner, cursor: Cursor = None, limit: Limit = 50
) -> Page[LinkedChild]:
    """The children of a parent, the last linked first."""
    return await service.list_children(actor, bag_id, cursor, limit)


@router.get("/bags/{bag_id}/history", responses=problems("bag_not_found", "bad_cursor"))
async def bag_history(bag_id: Id, actor: Scanner, cursor: Cursor = None, limit: Limit = 50) -> Page[Event]:
    """Everything that happened to a bag, newest first."""
    return await service.bag_history(actor, bag_id, cursor, limit)


@router.delete("/bags/{bag_id}", status_code=204, responses=problems("bag_not_found", "bag_in_use"))
async def delete_bag(bag_id: Id, actor: Admin) -> Response:
    """Remove a bag that is in nothing and holds nothing; its history stays."""
    await service.delete_bag(actor, bag_id)
    return Response(status_code=204)


@router.get("/bag-types")
async def list_bag_types(actor: Scanner) -> Page[BagType]:
    """All bag types, the default first."""
    return Page(items=await catalog.list_bag_types())


@router.post("/bags/area", responses=problems("area_not_found", "bag_not_found", "import_not_found"))
async def give_area(given: AreaGiven, actor: Biller) -> BagsGiven:
    """Give bags an area, or another one: by id, or all that an import brought; children go with parents."""
    return await service.give_area(actor, given)


@router.post("/bag-types", status_code=201, responses=problems("name_taken", "bad_pattern"))
async def create_bag_type(new: BagTypeIn, actor: Admin) -> BagType:
    """Add a bag type."""
    return await catalog.create_bag_type(actor, new)


@router.patch("/bag-types/{type_id}", responses=problems("bag_type_not_found", "name_taken", "bad_pattern"))
async def change_bag_type(type_id: Id, change: BagTypeChange, actor: Admin) -> BagType:
    """Change a bag type; expected counts and weights follow at once."""
    return await catalog.change_bag_type(actor, type_id, change)


@router.delete(
    "/bag-types/{type_id}", status_code=204, responses=problems("bag_type_not_found", "bag_type_in_use")
)
async def remove_bag_type(type_id: Id, actor: Admin) -> Response:
    """Remove a bag type that nothing uses."""
    await catalog.remove_bag_type(actor, type_id)
    return Response(status_code=204)


@router.get("/label-patterns")
async def list_label_patterns(actor: Admin) -> Page[LabelPattern]:
    """All label patterns, in the order in which they are tried."""
    return Page(items=await catalog.list_label_patterns())


@router.post(
    "/label-patterns", status_code=201, responses=problems("name_taken", "bad_pattern", "bag_type_not_found")
)
async def create_label_pattern(new: LabelPatternIn, actor: Admin) -> LabelPattern:
    """Add a label pattern."""
    return await catalog.create_label_pattern(actor, new)


@router.post("/label-patterns/try", responses=problems("bad_code", "bad_pattern"))
async def try_label(trial: LabelTrial, actor: Admin) -> LabelReading:
    """What the patterns make of a label, as the scanner would read it; `draft` is tried before them."""
    return await labels.try_label(trial)


@router.patch(
    "/label-patterns/{pattern_id}",
    responses=problems("label_pattern_not_found", "name_taken", "bad_pattern", "bag_type_not_found"),
)
async def change_label_pattern(pattern_id: Id, change: LabelPatternChange, actor: Admin) -> LabelPattern:
    """Change a label pattern."""
    return await catalog.change_label_pattern(actor, pattern_id, change)


@router.delete("/label-patterns/{pattern_id}", status_code=204, responses=problems("label_pattern_not_found"))
async def remove_label_pattern(pattern_id: Id, actor: Admin) -> Response:
    """Remove a label pattern."""
    await catalog.remove_label_pattern(actor, pattern_id)
    return Response(status_code=204)
