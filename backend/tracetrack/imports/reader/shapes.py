"""From a sheet as it stands to rows as the database takes them: which parent, which child, what is odd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from tracetrack.bags.codes import Labels
from tracetrack.imports.reader.archive import Finding
from tracetrack.imports.reader.codes import read_labels
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.imports.reader.sheets import Sheet
from tracetrack.imports.recognise import WORDS, Guess, closes_bill, closes_group, heading

PARENT_COLUMNS = ("p", "code", "code_is", "type_id", "area_id", "lot", "variety", "tag")
ROW_COLUMNS = (
    *("n", "p", "sheet", "line", "code", "code_is", "lot", "variety", "tag"),
    *("problem", "cell", "note", "warning", "warned_cell", "warning_note", "cells"),
)

LONGEST_CELL = 300
"""Characters of a cell that the report repeats."""

EXCEL_DATE = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"
SCIENTIFIC = r"^\d(\.\d+)?[eE]\+\d+$"
_ATTRIBUTES = ("lot", "variety", "tag")


@dataclass(frozen=True)
class Known:
    """What the site has: how its labels are read, its areas and bag types by name in lower case."""

    labels: Labels
    areas: Mapping[str, int]
    types: Mapping[str, int]
    places: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    """Where each column is in the file at hand: by what it holds, then by sheet."""


@dataclass(frozen=True)
class Staged:
    """The rows of a file, ready for COPY."""

    parents: pl.DataFrame
    rows: pl.DataFrame
    distinct: bool
    """No two rows name the same child, whatever its case; told for ASCII codes only."""
    apart: bool
    """No code is a parent's in one row and a child's in another; told for ASCII codes only."""


def _text(name: str) -> pl.Expr:
    """A column's text, null where there is nothing to see in it."""
    stripped = pl.col(name).str.strip_chars()
    return pl.when(stripped != "").then(pl.col(name))


def stage(sheets: Sequence[tuple[int, Sheet, Guess]], kind: str, known: Known) -> Staged:
    """Bring all sheets into one form.

    Args:
        sheets: number, sheet, and how it is understood.
        kind: ``bags`` or ``bills``.
        known: what the site has.

    Raises:
        UnreadableError: ``file_no_rows``.
    """
    frames = [_one_sheet(number, sheet, guess) for number, sheet, guess in sheets]
    frames = [frame for frame in frames if frame.height]
    if not frames:
        raise UnreadableError("file_no_rows")
    frame = pl.concat(frames, rechunk=True).with_row_index("n", offset=1)
    del frames
    frame = _dates(frame)
    packing = any(guess.shape == "packing" for *_, guess in sheets)
    known = replace(known, places=_places(sheets))
    return (_bills if kind == "bills" else _bags)(frame, known, packing)


def _places(sheets: Sequence[tuple[int, Sheet, Guess]]) -> dict[str, dict[int, int]]:
    places: dict[str, dict[int, int]] = {}
    for number, sheet, guess in sheets:
        for role, index in guess.columns.items():
            places.setdefault(role, {})[number] = index + sheet.first_column
    return places


def _one_sheet(number: int, sheet: Sheet, guess: Guess) -> pl.DataFrame:
    """A sheet's data rows with ``holder`` (parent or bill) and ``member`` (child or parent), in order."""
    places: dict[str, int] = {str(role): index for role, index in guess.columns.items()}
    columns = {role: f"c{index}" for role, index in places.items() if index < sheet.frame.width}
    rows = sheet.frame.with_row_index("line", offset=1)
    if guess.header_row is not None:
        rows = rows.slice(guess.header_row + 1)
    cells = sheet.frame.columns
    everything = pl.concat_str(
        [
            pl.col(c).fill_null("").str.slice(0, LONGEST_CELL).str.replace_all("\0", "", literal=True)
            for c in cells
        ],
        separator="\x1f",
    )
    holder_role, member_role = ("bill", "parent") if guess.shape.startswith("bill") else ("parent", "child")
    rows = rows.select(
        pl.lit(number, pl.Int16).alias("sheet"),
        pl.col("line").cast(pl.Int32),
        _column(columns, "serial").alias("serial"),
        _column(columns, holder_role).alias("holder"),
        _column(columns, member_role).alias("member"),
        *(_column(columns, role).alias(role) for role in ("area", "type", *_ATTRIBUTES)),
        pl.lit(places.get(holder_role, places.get("serial", 0)) + sheet.first_column, pl.Int16).alias(
            "holder_cell"
        ),
        pl.lit(places.get(member_role, 0) + sheet.first_column, pl.Int16).alias("member_cell"),
        pl.lit(sheet.from_excel).alias("excel"),
        everything.alias("cells"),
    )
    wanted = ["holder", "member", "area", "type", *_ATTRIBUTES]
    if guess.shape in ("packing", "bill_rows"):
        wanted = ["member"]
        marked = pl.col("serial").is_not_null() & _is_closing(rows["serial"], guess.shape)
        rows = rows.filter(pl.col("member").is_not_null() | marked)
    else:
        rows = rows.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in wanted))
    rows = rows.filter(~_is_heading(rows, columns, member_role))
    if not sheet.from_excel:
        # As our own csv files keep a code from being taken for a formula.
        rows = rows.with_columns(
            pl.when(pl.col(name).str.contains(r"^'+[=+\-@]"))
            .then(pl.col(name).str.slice(1))
            .otherwise(name)
            .alias(name)
            for name in ("holder", "member", "area", "type", *_ATTRIBUTES)
        )
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias("problem"),
        pl.lit(None, pl.Int16).alias("cell"),
        pl.lit(None, pl.String).alias("note"),
        pl.lit(None, pl.String).alias("warning"),
        pl.lit(None, pl.Int16).alias("warned_cell"),
        pl.lit(None, pl.String).alias("warning_note"),
    )
    for name, role in (("holder", holder_role), ("member", member_role)):
        if role in places and sheet.findings:
            at = places[role]
            found = [f for f in sheet.findings if f.column == at + sheet.first_column]
            rows = _apply_findings(rows, name, found)
    if guess.shape == "packing":
        return _close_groups(rows, guess.shape)
    if guess.shape == "bill_rows":
        return _close_groups(rows, guess.shape)
    return rows.with_columns(
        pl.lit(False).alias("closing"), pl.lit(False).alias("packed"), pl.lit(None, pl.Int32).alias("group")
    )


def _column(columns: Mapping[str, str], role: str) -> pl.Expr:
    return _text(columns[role]) if role in columns else pl.lit(None, pl.String)


def _is_heading(rows: pl.DataFrame, columns: Mapping[str, str], member_role: str) -> pl.Expr:
    """Rows that repeat the header, as on each printed page."""
    if member_role not in columns or rows.is_empty():
        return pl.lit(False)
    texts = rows["member"].drop_nulls()
    # Headings are short and hold no digits, so few texts need a look.
    likely = texts.filter(~texts.str.contains(r"\d") & (texts.str.len_chars() <= 40)).unique()
    words = [text for text in likely if WORDS.get(heading(text)) in (member_role, "child", "parent")]
    if not words:
        return pl.lit(False)
    headings = pl.col("holder").is_null()
    holders = rows.filter(pl.col("member").is_in(words))["holder"].drop_nulls().unique()
    named = [text for text in holders if WORDS.get(heading(text)) in ("parent", "bill")]
    serials = rows.filter(pl.col("member").is_in(words))["serial"].drop_nulls().unique()
    serial_named = [text for text in serials if WORDS.get(heading(text)) == "serial"]
    if named:
        headings = pl.col("holder").is_in(named)
    elif serial_named:
        headings = pl.col("serial").is_in(serial_named)
    else:
        return pl.lit(False)
    return pl.col("member").is_in(words).fill_null(False) & headings.fill_null(False)


def _is_closing(serials: pl.Series, shape: str) -> pl.Expr:
    """Which serial cells mark a parent row (or a bill row)."""
    test = closes_bill if shape == "bill_rows" else closes_group
    texts = serials.drop_nulls().unique()
    words = [text for text in texts.filter(texts.str.contains(r"\p{L}")) if test(text)]
    return pl.col("serial").is_in(words) if words else pl.lit(False)


def _apply_findings(rows: pl.DataFrame, name: str, found: Sequence[Finding]) -> pl.DataFrame:
    if not found:
        return rows
    noted = pl.DataFrame(
        {
            "line": [f.row for f in found],
            "what": [f.what for f in found],
            "shown": [f.shown for f in found],
        },
        schema={"line": pl.Int32, "what": pl.String, "shown": pl.String},
    ).unique("line", keep="first")
    rows = rows.join(noted, on="line", how="left", maintain_order="left")
    error = pl.col("what") == "cell_error"
    warned = pl.col("what").is_in(["number_rounded", "zeros_hidden"]) & pl.col(name).is_not_null()
    return rows.with_columns(
        pl.when(error).then(pl.lit("cell_error")).otherwise("problem").alias("problem"),
        pl.when(error).then(f"{name}_cell").otherwise("cell").alias("cell"),
        pl.when(error).then(_shown()).otherwise("note").alias("note"),
        pl.when(warned).then("what").otherwise("warning").alias("warning"),
        pl.when(warned).then(f"{name}_cell").otherwise("warned_cell").alias("warned_cell"),
        pl.when(warned).then(_shown()).otherwise("warning_note").alias("warning_note"),
        # A number that stands there digit by digit is read so; the reader has rounded it.
        pl.when(warned & pl.col("shown").str.contains(r"^\d+$")).then("shown").otherwise(name).alias(name),
    ).drop("what", "shown")


def _shown() -> pl.Expr:
    """A note in JSON of what stands in the file: numbers and names of errors, which need no escapes."""
    return pl.concat_str(pl.lit('{"shown":"'), pl.col("shown"), pl.lit('"}'))


def _dates(frame: pl.DataFrame) -> pl.DataFrame:
    """A date where a code should be is refused; scientific notation in text is warned about."""
    for name in ("holder", "member"):
        date = pl.col("excel") & pl.col(name).str.contains(EXCEL_DATE) & pl.col("problem").is_null()
        odd = pl.col(name).str.contains(SCIENTIFIC) & pl.col("warning").is_null()
        frame = frame.with_columns(
            pl.when(date).then(pl.lit("date_as_code")).otherwise("problem").alias("problem"),
            pl.when(date).then(f"{name}_cell").otherwise("cell").alias("cell"),
            pl.when(odd).then(pl.lit("number_rounded")).otherwise("warning").alias("warning"),
            pl.when(odd).then(f"{name}_cell").otherwise("warned_cell").alias("warned_cell"),
        )
    return frame


def _close_groups(rows: pl.DataFrame, shape: str) -> pl.DataFrame:
    """Packing and bill sheets: give each row the code of the row that closes its group."""
    serial = pl.col("serial").is_not_null()
    rows = rows.with_columns(closing=serial & _is_closing(rows["serial"], shape))
    beside = (
        pl.col("serial")
        .str.replace(
            r"(?i)^.*?(parent|bill|पैरेंट|पेरेंट|बिल)\s*(bag)?\s*(code|qr|no|number|#|कोड|नंबर|नं|संख्या)?\.?", ""
        )
        .str.strip_chars(" :-.=\t")
    )
    own = pl.coalesce("member", pl.when(beside != "").then(beside))
    return rows.with_columns(
        pl.when("closing").then(own).alias("holder"),
        pl.when(~pl.col("closing")).then("member").alias("member"),
        pl.when("closing").then("member_cell").otherwise("holder_cell").alias("holder_cell"),
        pl.lit(True).alias("packed"),
        # The group that a row belongs to: those closed above it in this sheet.
        pl.col("closing").cast(pl.Int32).cum_sum().shift(1, fill_value=0).alias("group"),
    )


def _groups_by_label(frame: pl.DataFrame, known: Known) -> pl.DataFrame:
    """In a packing sheet, a row whose code a parent pattern matches closes its group too."""
    if not any(pattern.kind == "parent" for pattern in known.labels.patterns):
        return frame
    read = read_labels(frame["member"], known.labels, parents=False, packing=True)
    is_parent = (read["is"] == "parent").fill_null(False)
    return (
        frame.with_columns(is_parent.alias("by_label"))
        .with_columns(
            holder=pl.when(pl.col("packed") & pl.col("by_label")).then("member").otherwise("holder"),
            member=pl.when(pl.col("packed") & pl.col("by_label")).then(None).otherwise("member"),
            holder_cell=pl.when(pl.col("packed") & pl.col("by_label"))
            .then("member_cell")
            .otherwise("holder_cell"),
            closing=pl.col("closing") | (pl.col("packed") & pl.col("by_label")),
        )
        .drop("by_label")
        .with_columns(
            group=pl.when("packed").then(
                pl.col("closing").cast(pl.Int32).cum_sum().shift(1, fill_value=0).over("sheet")
            )
        )
    )


def _fill_groups(frame: pl.DataFrame, alone: str, unheld: str) -> pl.DataFrame:
    """Hand the closing row's code to its group, and tell groups that lack one half."""
    packed = pl.col("packed")
    closed = packed & pl.col("closing")
    group = ("sheet", "group")
    frame = frame.with_columns(
        size=pl.len().over(group),
        held=pl.col("closing").any().over(group),
        filled=pl.col("holder").backward_fill().over(group),
    )
    nothing = packed & pl.col("problem").is_null()
    return frame.with_columns(
        holder=pl.when(packed).then("filled").otherwise("holder"),
        problem=pl.when(nothing & ~pl.col("held"))
        .then(pl.lit(unheld))
        .when(nothing & closed & (pl.col("size") == 1))
        .then(pl.lit(alone))
        .when(nothing & pl.col("held") & pl.col("filled").is_null())
        .then(pl.lit("holder_missing"))
        .otherwise("problem"),
        cell=pl.when(
            nothing & (~pl.col("held") | (closed & (pl.col("size") == 1)) | pl.col("filled").is_null())
        )
        .then("member_cell")
        .otherwise("cell"),
    ).drop("size", "held", "filled")


def _twice(frame: pl.DataFrame) -> pl.DataFrame:
    """A parent that closes a second group of a packing sheet: the group is told and left out."""
    closers = frame.filter(
        pl.col("packed") & pl.col("closing") & pl.col("problem").is_null() & pl.col("p").is_not_null()
    )
    first = (
        closers.group_by("p", maintain_order=True)
        .first()
        .select(
            "p",
            pl.col("sheet").alias("first_sheet"),
            pl.col("group").alias("first_group"),
            pl.col("line").alias("first_line"),
        )
    )
    if first.height == closers.height:
        return frame
    frame = frame.join(first, on="p", how="left", maintain_order="left")
    again = (
        pl.col("packed")
        & pl.col("problem").is_null()
        & pl.col("first_line").is_not_null()
        & ((pl.col("first_sheet") != pl.col("sheet")) | (pl.col("first_group") != pl.col("group")))
    )
    return frame.with_columns(
        problem=pl.when(again).then(pl.lit("parent_twice")).otherwise("problem"),
        cell=pl.when(again).then("member_cell").otherwise("cell"),
        note=pl.when(again)
        .then(
            pl.concat_str(
                pl.lit('{"first_sheet":'),
                pl.col("first_sheet").cast(pl.String),
                pl.lit(',"first_row":'),
                pl.col("first_line").cast(pl.String),
                pl.lit("}"),
            )
        )
        .otherwise("note"),
    ).drop("first_sheet", "first_group", "first_line")


def _bags(frame: pl.DataFrame, known: Known, packing: bool) -> Staged:
    if packing:
        frame = _groups_by_label(frame, known)
        frame = _fill_groups(frame, "parent_without_children", "child_without_parent")
    holders = frame["holder"].unique(maintain_order=True).drop_nulls()
    read = read_labels(holders, known.labels, parents=True, packing=packing)
    named = (
        pl.DataFrame({"holder": holders})
        .hstack(read)
        .rename(
            {"code": "p_code", "is": "p_is", "type": "p_type", "problem": "p_problem", "inside": "p_inside"}
        )
        .with_columns(key=pl.col("p_code").str.to_lowercase())
    )
    spelled = named.filter(pl.col("key").is_not_null()).unique("key", keep="first", maintain_order=True)
    spelled = spelled.with_row_index("p", offset=1).with_columns(pl.col("p").cast(pl.Int32))
    named = named.join(spelled.select("key", "p"), on="key", how="left")
    frame = frame.join(
        named.select("holder", "p", "p_problem"), on="holder", how="left", maintain_order="left"
    )
    members = read_labels(frame["member"], known.labels, parents=False, packing=packing)
    frame = frame.with_columns(
        members["code"],
        members["is"].alias("code_is"),
        members["problem"].alias("m_problem"),
        members["inside"],
    )
    frame = _judge(frame, "parent_missing", known)
    if packing:
        frame = _twice(frame)
    sound = frame.filter(pl.col("problem").is_null() & pl.col("p").is_not_null())
    parents = _parents(sound, spelled, known)
    children = sound["code"].drop_nulls().str.to_lowercase()
    plain = bool(children.str.contains(r"^[ -~]+$").all()) and bool(
        spelled["key"].str.contains(r"^[ -~]+$").all()
    )
    distinct = plain and children.n_unique() == children.len()
    apart = plain and not children.is_in(spelled["key"].implode()).any()
    if packing:
        # A parent row stands below its children but comes before them.
        frame = _parent_first(frame)
    if not frame["p"].is_sorted(nulls_last=True):
        frame = frame.sort("p", "n", nulls_last=True)
    return Staged(parents, _rows(frame), distinct, apart)


def _parent_first(frame: pl.DataFrame) -> pl.DataFrame:
    """Number the rows anew so that in each packed group the parent row is the first."""
    order = frame.with_columns(
        start=pl.when("packed").then(pl.col("n").min().over("sheet", "group")).otherwise("n"),
        later=pl.col("packed") & ~pl.col("closing"),
    ).sort("start", "later", "n")
    return order.drop("n", "start", "later").with_row_index("n", offset=1)


def _judge(frame: pl.DataFrame, missing: str, known: Known) -> pl.DataFrame:
    """Write down what is wrong with a row's own cells; the first thing wrong counts."""
    sound = pl.col("problem").is_null()
    cases: list[tuple[pl.Expr, pl.Expr, str | pl.Expr]] = [
        (pl.col("holder").is_null(), pl.lit(missing), "holder_cell"),
        (pl.col("p_problem").is_not_null(), pl.concat_str(pl.lit("code_"), "p_problem"), "holder_cell"),
        (pl.col("m_problem").is_not_null(), pl.concat_str(pl.lit("code_"), "m_problem"), "member_cell"),
    ]
    if frame["area"].drop_nulls().len():
        unknown = ~pl.col("area").str.strip_chars().str.to_lowercase().is_in(list(known.areas))
        cases.append((unknown.fill_null(False), pl.lit("area_not_found"), _cell_of("area", known)))
    if frame["type"].drop_nulls().len():
        unknown = ~pl.col("type").str.strip_chars().str.to_lowercase().is_in(list(known.types))
        cases.append((unknown.fill_null(False), pl.lit("bag_type_not_found"), _cell_of("type", known)))
    for name in _ATTRIBUTES:
        if frame[name].drop_nulls().len():
            bad = (pl.col(name).str.len_chars() > 128) | pl.col(name).str.contains("\0", literal=True)
            cases.append((bad.fill_null(False), pl.lit(f"{name}_too_long"), _cell_of(name, known)))
    problem, cell = pl.lit(None, pl.String), pl.lit(None, pl.Int16)
    for condition, code, where in reversed(cases):
        problem = pl.when(condition).then(code).otherwise(problem)
        cell = pl.when(condition).then(where).otherwise(cell)
    inside = pl.col("inside").fill_null(False) & pl.col("warning").is_null()
    return frame.with_columns(
        problem=pl.when(sound).then(problem).otherwise("problem"),
        cell=pl.when(sound).then(cell).otherwise("cell"),
        warning=pl.when(inside).then(pl.lit("label_number_taken")).otherwise("warning"),
        warned_cell=pl.when(inside).then("member_cell").otherwise("warned_cell"),
    )


def _cell_of(role: str, known: Known) -> pl.Expr:
    places = known.places[role]
    return pl.col("sheet").replace_strict(
        list(places), list(places.values()), default=None, return_dtype=pl.Int16
    )


def _parents(sound: pl.DataFrame, spelled: pl.DataFrame, known: Known) -> pl.DataFrame:
    """Every parent that a sound row names, once, in the order of the file."""

    def first(name: str) -> pl.Expr:
        return pl.col(name).drop_nulls().first()

    values = sound.group_by("p", maintain_order=True).agg(
        first("area"),
        first("type"),
        # In a row with a child, lot, variety and tag are the child's.
        *(pl.col(name).filter(pl.col("member").is_null()).drop_nulls().first() for name in _ATTRIBUTES),
    )
    named = values.join(spelled, on="p", how="left", maintain_order="left")
    return named.select(
        pl.col("p"),
        pl.col("p_code").alias("code"),
        pl.col("p_is").alias("code_is"),
        pl.coalesce(_looked_up("type", known.types), "p_type").alias("type_id"),
        _looked_up("area", known.areas).alias("area_id"),
        *_ATTRIBUTES,
    )


def _looked_up(name: str, ids: Mapping[str, int]) -> pl.Expr:
    names = pl.col(name).str.strip_chars().str.to_lowercase()
    if not ids:
        return pl.lit(None, pl.Int64)
    return names.replace_strict(list(ids), list(ids.values()), default=None, return_dtype=pl.Int64)


def _bills(frame: pl.DataFrame, known: Known, packing: bool) -> Staged:
    if frame["packed"].any():
        frame = _fill_groups(frame, "bill_without_parents", "parent_without_bill")
    holders = frame["holder"].unique(maintain_order=True).drop_nulls()
    read = read_labels(holders, Labels(), parents=False)
    named = (
        pl.DataFrame({"holder": holders})
        .hstack(read)
        .with_columns(
            p_problem=pl.when(pl.col("code").str.len_chars() > 64)
            .then(pl.lit("too_long"))
            .otherwise("problem"),
            key=pl.col("code").str.to_lowercase(),
        )
    )
    spelled = named.filter(pl.col("p_problem").is_null()).unique("key", keep="first", maintain_order=True)
    spelled = spelled.with_row_index("p", offset=1).with_columns(pl.col("p").cast(pl.Int32))
    named = named.join(spelled.select("key", "p"), on="key", how="left")
    frame = frame.join(
        named.select("holder", "p", "p_problem"), on="holder", how="left", maintain_order="left"
    )
    members = read_labels(frame["member"], known.labels, parents=False)
    frame = frame.with_columns(
        members["code"],
        members["is"].alias("code_is"),
        members["problem"].alias("m_problem"),
        pl.lit(None, pl.Boolean).alias("inside"),
    )
    frame = _judge(frame, "bill_missing", known)
    lone = pl.col("problem").is_null() & pl.col("member").is_null()
    frame = frame.filter(~(pl.col("packed") & lone)).with_columns(
        problem=pl.when(lone).then(pl.lit("parent_missing")).otherwise("problem"),
        cell=pl.when(lone).then("member_cell").otherwise("cell"),
    )
    sound = frame.filter(pl.col("problem").is_null() & pl.col("p").is_not_null())
    used = sound["p"].unique(maintain_order=True)
    parents = spelled.filter(pl.col("p").is_in(used.implode())).select(
        "p", "code", *(pl.lit(None, pl.String).alias(name) for name in PARENT_COLUMNS[2:])
    )
    return Staged(parents, _rows(frame), False, True)


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(ROW_COLUMNS)
