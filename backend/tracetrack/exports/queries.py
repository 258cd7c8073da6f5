"""The tables that can be exported: columns, where the rows come from, and what they can be filtered by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

from tracetrack.bags.schemas import BagState
from tracetrack.billing.schemas import BillState

LIST = "$1::bigint, $2::bigint, $3::timestamptz, $4::timestamptz"
"""What the functions of ``lists.sql`` are given: the area rule, and the range."""
_RANGE = ("area_id", "since", "until")

TIME = "to_char({} at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"


@dataclass(frozen=True)
class Table:
    """One exportable table.

    ``columns`` is heading, SQL expression, and whether it is a number; ``filters`` turns a given
    value into a condition, with ``{}`` where the value stands; ``area`` is the column of the area rule;
    ``states`` are the states that its rows can have.
    Of a list that a function makes, ``source`` has the :data:`LIST` of its values and keeps the area rule
    itself.
    """

    columns: tuple[tuple[str, str, bool], ...]
    source: str
    order: str
    area: str
    filters: dict[str, str]
    states: tuple[str, ...] = ()

    @property
    def is_list(self) -> bool:
        """Whether a function of ``lists.sql`` makes it."""
        return LIST in self.source

    @property
    def takes(self) -> frozenset[str]:
        """The filters there are."""
        return frozenset(self.filters) | (frozenset(_RANGE) if self.is_list else frozenset())


def _time(name: str) -> str:
    return TIME.format(name)


_BAG_COLUMNS = (
    ("code", "b.code", False),
    ("kind", "b.kind", False),
    ("type", "t.name", False),
    ("state", "b.state", False),
    ("area", "a.name", False),
    ("parent", "p.code", False),
    ("children", "case when b.kind = 'parent' then b.child_count end", True),
    (
        "weight_kg",
        "case when b.kind = 'parent' then b.child_count * t.child_weight_kg"
        " else coalesce(pt.child_weight_kg, d.child_weight_kg, 1) end",
        True,
    ),
    ("bill", "l.number", False),
    ("lot", "b.lot", False),
    ("variety", "b.variety", False),
    ("tag", "b.tag", False),
    ("created_at", _time("b.created_at"), False),
    ("id", "b.id", True),
    ("updated_at", _time("b.updated_at"), False),
)
_BAG_NAMES = (
    " left join areas a on a.id = b.area_id left join bag_types t on t.id = b.bag_type_id"
    " left join bags p on p.id = b.parent_id left join bag_types pt on pt.id = p.bag_type_id"
    " left join bag_types d on d.is_default left join bills l on l.id = coalesce(b.bill_id, p.bill_id)"
)
_REGISTERED = {"area_id": "b.area_id = {}::bigint", "until": "b.created_at < {}::timestamptz"}

TABLES: dict[str, Table] = {
    "bags": Table(
        columns=_BAG_COLUMNS,
        source=f"bags b{_BAG_NAMES}",
        order="b.id",
        area="b.area_id",
        filters={
            "kind": "b.kind = {}::text",
            "state": "b.state = {}::text",
            "area_id": "b.area_id = {}::bigint",
            "q": "strpos(lower(b.code), lower({}::text)) > 0",
            "since": "b.created_at >= {}::timestamptz",
            "until": "b.created_at < {}::timestamptz",
            "updated_since": "b.updated_at >= {}::timestamptz",
        },
        states=get_args(BagState),
    ),
    "links": Table(
        columns=(
            ("parent", "p.code", False),
            ("child", "b.code", False),
            ("area", "a.name", False),
            ("type", "t.name", False),
            ("lot", "b.lot", False),
            ("variety", "b.variety", False),
            ("tag", "b.tag", False),
            ("linked_by", "u.username", False),
            ("linked_at", _time("b.linked_at"), False),
        ),
        source="bags b join bags p on p.id = b.parent_id left join areas a on a.id = b.area_id"
        " left join bag_types t on t.id = p.bag_type_id left join users u on u.id = b.linked_by",
        order="b.parent_id, b.id",
        area="b.area_id",
        filters={
            "area_id": "b.area_id = {}::bigint",
            "q": "strpos(lower(p.code), lower({}::text)) > 0",
            "user_id": "b.linked_by = {}::bigint",
            "since": "b.linked_at >= {}::timestamptz",
            "until": "b.linked_at < {}::timestamptz",
        },
    ),
    "scans": Table(
        columns=(
            ("received_at", _time("s.received_at"), False),
            ("scanned_at", _time("s.scanned_at"), False),
            ("user", "u.username", False),
            ("area", "a.name", False),
            ("action", "s.action", False),
            ("code", "s.code", False),
            ("parent", "p.code", False),
            ("outcome", "s.outcome", False),
            ("refused", "case when s.refused then 'yes' else 'no' end", False),
            ("scan_id", "s.scan_id::text", False),
        ),
        source="scans s left join users u on u.id = s.user_id left join areas a on a.id = s.area_id"
        " left join bags p on p.id = s.parent_id",
        order="s.id",
        area="s.area_id",
        filters={
            "area_id": "s.area_id = {}::bigint",
            "user_id": "s.user_id = {}::bigint",
            "q": "strpos(lower(s.code), lower({}::text)) > 0",
            "since": "s.received_at >= {}::timestamptz",
            "until": "s.received_at < {}::timestamptz",
        },
    ),
    "audit": Table(
        columns=(
            ("id", "e.id", True),
            ("at", _time("e.at"), False),
            ("actor", "u.username", False),
            ("area", "a.name", False),
            ("action", "e.action", False),
            ("subject_type", "e.subject_type", False),
            ("subject_id", "e.subject_id", True),
            ("subject", "e.subject_code", False),
            ("before", "left(e.before::text, 32000)", False),
            ("after", "left(e.after::text, 32000)", False),
            ("request_id", "e.request_id", False),
            ("address", "e.address", False),
        ),
        source="audit_events e left join users u on u.id = e.actor_id left join areas a on a.id = e.area_id",
        order="e.id",
        area="e.area_id",
        filters={
            "area_id": "e.area_id = {}::bigint",
            "user_id": "e.actor_id = {}::bigint",
            "action": "e.action = {}::text",
            "subject_type": "e.subject_type = {}::text",
            # Of what has exactly this code or name, and of what is in it.
            "code": "(lower(e.subject_code) = lower({0}::text)"
            " or (e.subject_type = 'bag' and e.subject_id in (select id from find_bag({0}::text)))"
            " or e.parent_id in (select id from find_bag({0}::text)))",
            # As the log's search: the beginning of a code, part of a number, of a name or of an action.
            "q": "(case when e.subject_type = 'bag' then starts_with(lower(e.subject_code), lower({0}::text))"
            " else strpos(lower(e.subject_code), lower({0}::text)) > 0 end"
            " or e.parent_id in (select id from bags where starts_with(lower(code), lower({0}::text)))"
            " or strpos(lower(u.username), lower({0}::text)) > 0"
            " or strpos(lower(u.full_name), lower({0}::text)) > 0"
            " or strpos(e.action, replace(lower({0}::text), ' ', '_')) > 0)",
            "since": "e.at >= {}::timestamptz",
            "until": "e.at < {}::timestamptz",
        },
    ),
    "bills": Table(
        columns=(
            ("number", "l.number", False),
            ("state", "l.state", False),
            ("description", "l.description", False),
            ("destination", "l.destination", False),
            ("vehicle", "l.vehicle", False),
            ("area", "l.area ->> 'name'", False),
            ("target_parents", "l.target_parents", True),
            ("parents", "l.parent_count", True),
            ("children", "l.child_count", True),
            ("weight_kg", "l.weight_kg", True),
            ("created_by", "l.created_by ->> 'username'", False),
            ("created_at", _time("l.created_at"), False),
            ("completed_at", _time("l.completed_at"), False),
            ("id", "l.id", True),
            ("updated_at", _time("l.updated_at"), False),
        ),
        source="bill_cards l",
        order="l.id",
        area="l.area_id",
        filters={
            "state": "l.state = {}::text",
            "area_id": "l.area_id = {}::bigint",
            "user_id": "(l.created_by ->> 'id')::bigint = {}::bigint",
            "q": "bill_has({}::text, l.number, l.destination, l.vehicle, l.description)",
            "since": "l.created_at >= {}::timestamptz",
            "until": "l.created_at < {}::timestamptz",
            "updated_since": "l.id in (select bills_changed_since({}::timestamptz))",
        },
        states=get_args(BillState),
    ),
    "left-open": Table(
        columns=(
            *_BAG_COLUMNS,
            ("last_scan_at", _time("o.last_at"), False),
            ("last_scan_by", "u.username", False),
        ),
        source=f"left_open({LIST}) o join bags b on b.id = o.bag_id join users u on u.id = o.last_by"
        + _BAG_NAMES,
        order="o.last_at desc, b.id desc",
        area="b.area_id",
        filters={},
    ),
    "empty": Table(
        columns=_BAG_COLUMNS,
        source=f"empty_bags b{_BAG_NAMES}",
        order="b.id desc",
        area="b.area_id",
        filters=_REGISTERED,
    ),
    "unbilled": Table(
        columns=_BAG_COLUMNS,
        source=f"unbilled_bags b{_BAG_NAMES}",
        order="b.id",
        area="b.area_id",
        filters=_REGISTERED,
    ),
    "conflicts": Table(
        columns=(
            ("code", "b.code", False),
            ("in_parent", "p.code", False),
            ("scanned_into", "w.code", False),
            ("area", "a.name", False),
            ("scanned_by", "u.username", False),
            ("scanned_at", _time("c.received_at"), False),
        ),
        source=f"open_conflicts({LIST}) c join bags b on b.id = c.bag_id join users u on u.id = c.user_id"
        " left join bags p on p.id = b.parent_id left join bags w on w.id = c.wanted_parent_id"
        " left join areas a on a.id = b.area_id",
        order="c.received_at desc, c.scan_id desc",
        area="b.area_id",
        filters={},
    ),
    "work": Table(
        columns=(
            ("worker", "u.username", False),
            ("name", "u.full_name", False),
            ("scans", "k.scans", True),
            ("refused", "k.refused", True),
            ("undone", "k.undone", True),
            ("first_quarter", _time("k.first_slot"), False),
            ("last_quarter", _time("k.last_slot"), False),
        ),
        source=f"shift_work({LIST}) k join users u on u.id = k.user_id",
        order="k.scans desc, u.id",
        # The function keeps the rule.
        area="",
        filters={},
    ),
}


def statement(table: Table, kind: str, sees_area: int | None, given: dict[str, Any]) -> tuple[str, list[Any]]:
    """The query whose rows are lines of the file, and its values.

    Args:
        table: what is exported.
        kind: ``xlsx`` for one column of row XML, ``csv`` for the cells.
        sees_area: the area rule.
        given: filters with a value.
    """
    conditions: list[str] = []
    values: list[Any] = []
    if table.is_list:
        values += [sees_area, *(given.get(name) for name in _RANGE)]
        given = {}
    if sees_area is not None and table.area:
        values.append(sees_area)
        conditions.append(f"{table.area} = ${len(values)}::bigint")
    for name, value in given.items():
        values.append(value)
        conditions.append(table.filters[name].format(f"${len(values)}"))
    if kind == "xlsx":
        cells = " || ".join(
            f"export_cell(({expression})::{'numeric' if is_number else 'text'})"
            for _, expression, is_number in table.columns
        )
        columns = f"'<row>' || {cells} || '</row>'"
    else:
        columns = ", ".join(
            f"({expression})" if is_number else f"export_harmless({expression})"
            for _, expression, is_number in table.columns
        )
    where = f" where {' and '.join(conditions)}" if conditions else ""
    return f"select {columns} from {table.source}{where} order by {table.order}", values  # noqa: S608
