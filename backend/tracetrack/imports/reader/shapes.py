"""From a sheet as it stands to rows as the database takes them: which parent, which child, what is odd."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import orjson
import polars as pl

from tracetrack.bags.codes import Labels
from tracetrack.imports.reader.cells import REJECTS, Finding
from tracetrack.imports.reader.codes import read_labels
from tracetrack.imports.reader.refusal import UnreadableError
from tracetrack.imports.reader.sheets import Sheet
from tracetrack.imports.reader.words import PROSE, is_plain, meant_of, reasons, several_of, without_empty
from tracetrack.imports.recognise import Guess, closes_bill, closes_group, role_of

PARENT_COLUMNS = ("p", "code", "code_is", "type_id", "area_id", "lot", "variety", "tag")
ROW_COLUMNS = (
    *("n", "p", "sheet", "line", "code", "code_is", "lot", "variety", "tag"),
    *("problem", "cell", "note", "warning", "warned_cell", "warning_note", "cells"),
    *("area_id", "packed"),
)

LONGEST_CELL = 300
"""Characters of a cell that the report repeats."""

EXCEL_DATE = r"^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2}$"
SCIENTIFIC = r"^\d(\.\d+)?[eE]\+\d+$"
_ATTRIBUTES = ("lot", "variety", "tag")
_REJECTS_OF_TEXTS = frozenset(
    ("cell_error", "formula_not_computed", "format_hides", "format_unclear", "quotes_unclear")
)
"""What no cell of a row may be, codes or not."""
_OF_TEXTS = {
    "date_as_code": "format_regional",
    "scientific_as_code": "number_rounded",
    "boolean_as_code": "format_regional",
}
"""What is said of a lot or a tag that would be no code."""


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
    packing: bool
    """It is, or has, a packing sheet."""
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
    for number, _, guess in sheets:
        for role, index in guess.columns.items():
            places.setdefault(role, {})[number] = index
    return places


def _one_sheet(number: int, sheet: Sheet, guess: Guess) -> pl.DataFrame:
    """A sheet's data rows with ``holder`` (parent or bill) and ``member`` (child or parent), in order."""
    places: dict[str, int] = {str(role): index for role, index in guess.columns.items()}
    columns = {role: f"c{index}" for role, index in places.items() if index < sheet.frame.width}
    cells = sheet.frame.columns
    rows = _unmerged(sheet, guess).with_row_index("line", offset=1)
    if guess.header_row is not None:
        rows = rows.slice(guess.header_row + 1)
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
        pl.lit(places.get(holder_role, places.get("serial", 0)), pl.Int16).alias("holder_cell"),
        pl.lit(places.get(member_role, 0), pl.Int16).alias("member_cell"),
        pl.lit(sheet.from_excel).alias("excel"),
        everything.alias("cells"),
    )
    rows = rows.with_columns(without_empty(rows[role]) for role in ("area", "type", *_ATTRIBUTES))
    wanted = ["holder", "member", "area", "type", *_ATTRIBUTES]
    if guess.shape in ("packing", "bill_rows"):
        wanted = ["member"]
        marked = pl.col("serial").is_not_null() & _is_closing(rows["serial"], guess.shape)
        rows = rows.filter(pl.col("member").is_not_null() | marked)
    else:
        rows = rows.filter(pl.any_horizontal(pl.col(name).is_not_null() for name in wanted))
    rows = rows.filter(~_is_heading(rows, columns, member_role))
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias("problem"),
        pl.lit(None, pl.Int16).alias("cell"),
        pl.lit(None, pl.String).alias("note"),
        pl.lit(None, pl.String).alias("warning"),
        pl.lit(None, pl.Int16).alias("warned_cell"),
        pl.lit(None, pl.String).alias("warning_note"),
    )
    for name, role in (("holder", holder_role), ("member", member_role)):
        if found := sheet.findings.get(places.get(role, -1)):
            rows = _apply_findings(rows, name, places[role], found, REJECTS)
    for role in ("area", "type", *_ATTRIBUTES):
        if found := sheet.findings.get(places.get(role, -1)):
            rows = _apply_findings(rows, role, places[role], found, _REJECTS_OF_TEXTS)
    # Most files hold nothing but codes: one look at each column tells.
    odd = [name for name in ("holder", "member", "serial") if not is_plain(rows[name])]
    rows = _refuse_words(rows, odd, places.get("serial", 0), guess.shape)
    rows = _refuse_meant(rows, odd)
    rows = _refuse_several(rows, odd)
    if guess.shape in ("packing", "bill_rows"):
        return _close_groups(rows, guess.shape)
    return rows.with_columns(
        pl.lit(False).alias("closing"), pl.lit(False).alias("packed"), pl.lit(None, pl.Int32).alias("group")
    )


def _unmerged(sheet: Sheet, guess: Guess) -> pl.DataFrame:
    """The sheet's cells, with the value of a merged cell in each of its rows that has a child (or a parent
    for the bill): so people mean it. What was filled in is noted on the sheet."""
    frame = sheet.frame
    if guess.shape not in ("pairs", "bill_pairs") or not sheet.merged:
        return frame
    member = guess.columns.get("parent" if guess.shape == "bill_pairs" else "child")
    filled = {at for role, at in guess.columns.items() if at != member and role != "serial"}
    if member is None or member >= frame.width:
        return frame
    top = 0 if guess.header_row is None else guess.header_row + 1
    beside = frame[f"c{member}"]
    for at in sorted(filled):
        if at >= frame.width:
            continue
        column = frame[f"c{at}"]
        said = {found.row: found for found in sheet.findings.get(at, ())}
        places, texts = [], []
        for first, left, last, _ in sheet.merged:
            if left != at or first <= top or last == first or (text := column[first - 1]) is None:
                continue
            first_said = said.get(first)
            what = first_said.what if first_said and first_said.what in REJECTS else "merged_filled"
            for row in range(first + 1, min(last, frame.height) + 1):
                if column[row - 1] is None and beside[row - 1] is not None:
                    places.append(row - 1)
                    texts.append(text)
                    sheet.findings.setdefault(at, []).append(Finding(row, what, text))
        if places:
            frame = frame.with_columns(column.scatter(places, texts))
    return frame


def _refuse_words(rows: pl.DataFrame, odd: Sequence[str], serial_place: int, shape: str) -> pl.DataFrame:
    """Refuse rows in which words stand where codes would be: errors, totals, notes below the data."""
    found: list[tuple[pl.Expr, pl.Expr]] = []
    for name in odd:
        why = reasons(rows[name])
        if name == "serial":
            # A closing row says so in its serial cell; whatever else stands there does no harm.
            why = why.set(~why.is_in(["total_row", "note_row"]).fill_null(False), None)
        if why.null_count() < why.len():
            rows = rows.with_columns(why.alias(f"{name}_word"))
            where = pl.lit(serial_place, pl.Int16) if name == "serial" else pl.col(f"{name}_cell")
            found.append((pl.col(f"{name}_word"), where))
    holders = rows["holder"].drop_nulls() if "holder" in odd else pl.Series(dtype=pl.String)
    numbered = holders.filter(holders.str.contains(r"\d")).len()
    if shape == "pairs" and holders.len() > numbered >= holders.len() / 2:
        alone = pl.col("cells").str.contains("^\x1f*[^\x1f]+\x1f*$") & pl.col("holder").str.contains(PROSE)
        found.append((pl.when(alone).then(pl.lit("note_row")), pl.col("holder_cell")))
    if not found:
        return rows
    clean = pl.col("problem").is_null()
    problem = pl.coalesce(why for why, _ in found)
    cell = pl.coalesce(pl.when(why.is_not_null()).then(where) for why, where in found)
    rows = rows.with_columns(
        problem=pl.when(clean).then(problem).otherwise("problem"),
        cell=pl.when(clean).then(cell).otherwise("cell"),
    )
    return rows.drop("holder_word", "member_word", "serial_word", strict=False)


def _refuse_meant(rows: pl.DataFrame, odd: Sequence[str]) -> pl.DataFrame:
    """Refuse codes with digits of other scripts and garbled letters, and say what was probably meant: on
    the label, and at every scanner, is another code."""
    for name in odd:
        if name == "serial":
            continue
        found = meant_of(rows[name])
        if found["meant"].null_count() == found.height:
            continue
        rows = rows.hstack(found)
        here = pl.col("meant").is_not_null() & pl.col("problem").is_null()
        said = pl.struct("meant").struct.json_encode()
        rows = rows.with_columns(
            problem=pl.when(here).then("meant_why").otherwise("problem"),
            cell=pl.when(here).then(f"{name}_cell").otherwise("cell"),
            note=pl.when(here).then(said).otherwise("note"),
        ).drop("meant_why", "meant")
    return rows


def _refuse_several(rows: pl.DataFrame, odd: Sequence[str]) -> pl.DataFrame:
    """Refuse cells that list several codes; they would become one bag."""
    for name in odd:
        if name == "serial":
            continue
        several = several_of(rows[name])
        if several.any():
            here = several & rows["problem"].is_null()
            rows = rows.with_columns(
                problem=pl.when(here).then(pl.lit("several_codes")).otherwise("problem"),
                cell=pl.when(here).then(f"{name}_cell").otherwise("cell"),
            )
    return rows


def _column(columns: Mapping[str, str], role: str) -> pl.Expr:
    return _text(columns[role]) if role in columns else pl.lit(None, pl.String)


def _is_heading(rows: pl.DataFrame, columns: Mapping[str, str], member_role: str) -> pl.Expr:
    """Rows that repeat the header, as on each printed page."""
    if member_role not in columns or rows.is_empty():
        return pl.lit(False)
    texts = rows["member"].drop_nulls()
    # Headings are short, and hold digits in brackets or before a unit alone, so few texts need a look.
    plain = ~texts.str.contains(r"\d") | texts.str.contains(r"\(|\s\d+\s*\p{L}")
    likely = texts.filter(plain & (texts.str.len_chars() <= 60)).unique()
    words = [text for text in likely if role_of(text) in (member_role, "child", "parent")]
    if not words:
        return pl.lit(False)
    headings = pl.col("holder").is_null()
    holders = rows.filter(pl.col("member").is_in(words))["holder"].drop_nulls().unique()
    named = [text for text in holders if role_of(text) in ("parent", "bill")]
    serials = rows.filter(pl.col("member").is_in(words))["serial"].drop_nulls().unique()
    serial_named = [text for text in serials if role_of(text) == "serial"]
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


def _apply_findings(
    rows: pl.DataFrame, name: str, place: int, found: Sequence[Finding], rejects: frozenset[str]
) -> pl.DataFrame:
    """Write what was found in the cells of one column on their rows; what was written first stays."""
    noted = pl.DataFrame(
        {
            "line": [f.row for f in found],
            "what": [
                _OF_TEXTS.get(f.what, f.what) if rejects is _REJECTS_OF_TEXTS else f.what for f in found
            ],
            "said": [orjson.dumps({"shown": f.shown[:LONGEST_CELL]}).decode() for f in found],
        },
        schema={"line": pl.Int32, "what": pl.String, "said": pl.String},
    ).unique("line", keep="first")
    rows = rows.join(noted, on="line", how="left", maintain_order="left")
    rejected = pl.col("what").is_in(list(rejects)).fill_null(False)
    error = rejected & pl.col("problem").is_null()
    warned = (
        pl.col("what").is_not_null() & ~rejected & pl.col(name).is_not_null() & pl.col("warning").is_null()
    )
    here = pl.lit(place, pl.Int16)
    return rows.with_columns(
        pl.when(error).then("what").otherwise("problem").alias("problem"),
        pl.when(error).then(here).otherwise("cell").alias("cell"),
        pl.when(error).then("said").otherwise("note").alias("note"),
        pl.when(warned).then("what").otherwise("warning").alias("warning"),
        pl.when(warned).then(here).otherwise("warned_cell").alias("warned_cell"),
        pl.when(warned).then("said").otherwise("warning_note").alias("warning_note"),
    ).drop("what", "said")


def _dates(frame: pl.DataFrame) -> pl.DataFrame:
    """A date where a code should be is refused; scientific notation in text is warned about."""
    for name in ("holder", "member"):
        date = pl.col("excel") & pl.col(name).str.contains(EXCEL_DATE) & pl.col("problem").is_null()
        odd = pl.col("excel") & pl.col(name).str.contains(SCIENTIFIC)
        odd &= pl.col("warning").is_null() & pl.col("problem").is_null()
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
    # A code that was refused closes its group, but it is nobody's parent.
    frame = frame.with_columns(
        holder=pl.when(packed & pl.col("problem").is_not_null()).then(None).otherwise("holder")
    )
    frame = frame.with_columns(
        size=pl.len().over(group),
        closed_at=pl.col("line").filter(pl.col("closing")).first().over(group),
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
        note=pl.when(nothing & pl.col("held") & pl.col("filled").is_null())
        .then(pl.concat_str(pl.lit('{"closing_row":'), pl.col("closed_at").cast(pl.String), pl.lit("}")))
        .otherwise("note"),
    ).drop("size", "held", "filled", "closed_at")


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
    frame = frame.with_columns(_looked_up("area", known.areas).alias("area_id"))
    return Staged(parents, _rows(frame), distinct, packing, apart)


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
    frame = frame.with_columns(pl.lit(None, pl.Int64).alias("area_id"))
    return Staged(parents, _rows(frame), False, False, True)


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.select(ROW_COLUMNS)
