"""Importing bags: the rules of the floor, for every row of a file."""

from __future__ import annotations

from urllib.parse import unquote

from tests.floor import Floor
from tests.imports.files import accounted, brought_in, links, rows_in, told, upload
from tests.imports.workbooks import number, workbook

HEAD = ["Sr No", "Parent Bag", "Child Bag"]


async def test_a_file_of_pairs_becomes_parents_children_and_links(floor: Floor) -> None:
    rows = [HEAD, *([n, f"P{n // 3}", f"C{n}"] for n in range(9))]
    done = await rows_in(floor.admin, rows, area_id=floor.areas["North"])
    assert (done["state"], done["rows_total"], done["links_created"]) == ("completed", 9, 9)
    assert (done["parents_created"], done["children_created"], done["rejected"]) == (3, 9, 0)
    assert await links(floor) == {f"C{n}": f"P{n // 3}" for n in range(9)}
    assert await floor.true_counts()
    bag = await floor.north.bag("P1")
    assert (bag["child_count"], bag["area"]["name"], bag["state"]) == (3, "North", "open")


async def test_each_row_is_judged_by_the_rules_of_the_floor(floor: Floor) -> None:
    await floor.north.scan_parent("OLD")
    await floor.north.scan_child("OLD", "KNOWN")
    await floor.north.scan_child("OLD", "FREE")
    old, free = await floor.north.bag("OLD"), await floor.north.bag("FREE")
    await floor.north.delete(f"/bags/{old['id']}/children/{free['id']}")
    done = await rows_in(
        floor.admin,
        [
            ["parent", "child"],
            ["old", "known"],  # 2 already linked
            ["NEW", "KNOWN"],  # 3 in another parent
            ["OLD", "free"],  # 4 linked
            ["KNOWN", "X"],  # 5 a child as parent
            ["OLD", "OLD"],  # 6 a parent as child
            ["A", "C1"],  # 7 linked
            ["A", "c1"],  # 8 repeated
            ["B", "C1"],  # 9 in another parent of this file
            ["B", None],  # 10 a parent alone
            ["B", None],  # 11 known
            [None, "C2"],  # 12 no parent
            ["B", "bad\u200bcode"],  # 13
            ["A", "B"],  # 14 a parent of this file as child
        ],
    )
    assert await told(floor.admin, done["id"]) == [
        (2, "duplicate", "already_linked"),
        (3, "refused", "child_in_other_parent"),
        (5, "refused", "bag_is_child"),
        (6, "refused", "bag_is_parent"),
        (8, "duplicate", "row_repeated"),
        (9, "refused", "child_in_other_parent"),
        (11, "duplicate", "parent_known"),
        (12, "refused", "parent_missing"),
        (13, "refused", "code_invisible"),
        (14, "refused", "bag_is_parent"),
    ]
    assert accounted(done)
    assert await links(floor) == {"KNOWN": "OLD", "FREE": "OLD", "C1": "A"}
    codes = {row["code"] for row in await floor.owner.fetch("select code from bags")}
    assert codes == {"OLD", "KNOWN", "FREE", "A", "B", "C1"}
    assert await floor.true_counts()
    page = (await floor.admin.get(f"/imports/{done['id']}/report", limit=200)).json()["items"]
    other = next(row for row in page if row["row"] == 3)
    assert (other["column"], other["value"], other["bag_code"]) == ("B", "KNOWN", "KNOWN")
    assert other["detail"] == "This bag is already in another parent bag. It is in OLD."
    assert next(row for row in page if row["row"] == 9)["detail"].endswith(
        "First in row 7 of sheet “Sheet1”."
    )


async def test_a_dry_run_predicts_and_writes_nothing(floor: Floor) -> None:
    rows = [HEAD, [1, "P", "C1"], [2, "P", "C1"], [3, "P", "C2"]]
    tried = await rows_in(floor.admin, rows, dry_run=True)
    assert await floor.owner.fetchval("select count(*) from bags") == 0
    assert await told(floor.admin, tried["id"]) == [(3, "duplicate", "row_repeated")]
    again = await floor.admin.post(f"/imports/{tried['id']}/start", {})
    assert again.status_code == 202
    from tests.imports.files import finished

    done = await finished(floor.admin, tried["id"])
    counts = ("links_created", "parents_created", "children_created", "duplicates_skipped", "rejected")
    assert [done[c] for c in counts] == [tried[c] for c in counts] == [2, 1, 2, 1, 0]
    assert await links(floor) == {"C1": "P", "C2": "P"}


async def test_packing_sheets_have_their_parents_below(floor: Floor) -> None:
    for pattern in (
        {"name": "label", "pattern": r"LABEL NO\. (\d+)", "kind": "child"},
        {"name": "master", "pattern": r"^M\d+-\d+$", "kind": "parent"},
    ):
        assert (await floor.admin.post("/label-patterns", pattern)).status_code == 201

    def label(code: str) -> str:
        return f"LABEL NO. {code} LOT NO. 7"

    first = [
        [1, label("0016586")],
        [2, label("0016587")],
        ["Parent Code", "M444-00017"],
        [1, label("0016588")],
        ["", "M444-00018"],
        ["Parent Code", "M444-00019"],  # 6 nothing above it
        [1, label("0016586")],  # 7 twice
        ["Parent Code", "M444-00020"],
        [1, label("0016590")],  # 9 the parent twice
        ["Parent Code", "M444-00017"],  # 10
        [1, label("0016591")],  # 11 left over
    ]
    done = await brought_in(
        floor.admin, workbook({"A": first, "B": [[1, label("9")], ["Parent Code", "M1-1"]]})
    )
    assert await links(floor) == {
        "0016586": "M444-00017",
        "0016587": "M444-00017",
        "0016588": "M444-00018",
        "9": "M1-1",
    }
    assert sorted(await told(floor.admin, done["id"])) == [
        (6, "refused", "parent_without_children"),
        (7, "refused", "child_in_other_parent"),
        (9, "refused", "parent_twice"),
        (10, "refused", "parent_twice"),
        (11, "refused", "child_without_parent"),
    ]
    assert accounted(done)


async def test_what_excel_did_to_a_code_is_told(floor: Floor) -> None:
    rows = [
        ["parent", "child"],
        ["P1", number("123456789012345678")],
        ["P1", number("16586", 1)],
        ["P1", number("45000", 2)],
        ["P1", "0016587"],
    ]
    content = workbook({"S": rows}, formats=["0000000", "yyyy-mm-dd"])
    done = await brought_in(floor.admin, content)
    assert await told(floor.admin, done["id"]) == [
        (2, "warning", "number_rounded"),
        (3, "warning", "zeros_hidden"),
        (4, "refused", "date_as_code"),
    ]
    assert set(await links(floor)) == {"123456789012345678", "0016586", "0016587"}
    assert (done["warnings"], done["rejected"]) == (2, 1)


async def test_the_same_file_asks_to_be_confirmed(floor: Floor) -> None:
    content = workbook({"S": [["parent", "child"], ["P", "C"]]})
    first = await brought_in(floor.admin, content)
    answer = await upload(floor.admin, content)
    assert (answer.status_code, answer.json()["code"]) == (409, "import_repeated")
    assert answer.json()["import_id"] == first["id"]
    again = await brought_in(floor.admin, content, confirm=True)
    assert (again["duplicates_skipped"], again["links_created"], again["same_as"]) == (1, 0, first["id"])


async def test_who_may_import_is_asked_before_the_file_is_read(floor: Floor) -> None:
    content = workbook({"S": [["parent", "child"], ["P", "C"]]})
    assert (await upload(floor.north, content)).status_code == 403
    assert (await upload(floor.biller, content, kind="bills")).status_code == 403
    assert (await floor.anyone.post("/imports", files={"file": ("x", content)})).status_code == 401
    assert (await upload(floor.biller, content)).status_code == 202
    assert await floor.owner.fetchval("select count(*) from imports") == 1


async def test_the_report_names_the_cell_that_is_wrong(floor: Floor) -> None:
    head: list[str | None] = ["parent", "child", "area", "type", "lot"]
    first = [head, ["P", "C1", "Nowhere"], ["P", "C2", None, "Nosuch"], ["P", "C3", None, None, "x" * 300]]
    second = [["child", "tag", "parent", "area"], ["C4", None, "P", "Elsewhere"], ["C5", "y" * 300, "P"]]
    done = await brought_in(floor.admin, workbook({"A": first, "B": second}))
    page = (await floor.admin.get(f"/imports/{done['id']}/report")).json()["items"]
    assert [(row["sheet"], row["column"], row["value"][:9], row["code"]) for row in page] == [
        ("A", "C", "Nowhere", "area_not_found"),
        ("A", "D", "Nosuch", "bag_type_not_found"),
        ("A", "E", "xxxxxxxxx", "lot_too_long"),
        ("B", "D", "Elsewhere", "area_not_found"),
        ("B", "B", "yyyyyyyyy", "tag_too_long"),
    ]
    packing = [["1", "C6"], ["parent code", "P6"], ["1", "C7"], ["parent code", "P6"]]
    done = await rows_in(floor.admin, packing)
    page = (await floor.admin.get(f"/imports/{done['id']}/report")).json()["items"]
    assert {(row["column"], row["value"], row["code"]) for row in page} == {
        ("B", "C7", "parent_twice"),
        ("B", "P6", "parent_twice"),
    }


async def test_a_biller_lets_an_admins_import_of_bills_be(floor: Floor) -> None:
    held = (await upload(floor.admin, b"bill,parent\nB-1,P1\n", "b.csv", kind="bills", hold=True)).json()
    for act in ("start", "cancel", "undo"):
        answer = await floor.biller.post(f"/imports/{held['id']}/{act}", {} if act == "start" else None)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), act
    assert (await floor.admin.get(f"/imports/{held['id']}")).json()["state"] == "queued"
    assert (await floor.admin.post(f"/imports/{held['id']}/cancel")).json()["state"] == "cancelled"


async def test_a_report_is_called_as_the_file_was(floor: Floor) -> None:
    done = await brought_in(floor.admin, workbook({"S": [["parent", "child"], ["P", "C"]]}), "खेप 1.xlsx")
    file = await floor.admin.get(f"/imports/{done['id']}/report", format="csv")
    called = file.headers["content-disposition"].split("filename*=UTF-8''")[1]
    assert unquote(called) == "खेप 1-report.csv"


async def test_a_child_tells_that_an_import_brought_it(floor: Floor) -> None:
    done = await rows_in(
        floor.admin, [["parent", "child"], ["P", "C"], ["P", "D"]], area_id=floor.areas["North"]
    )
    for code in ("C", "P"):
        bag = await floor.north.bag(code)
        events = (await floor.north.get(f"/bags/{bag['id']}/history")).json()["items"]
        assert [event["action"] for event in events] == ["children_imported"], code
        assert events[0]["after"]["import_id"] == done["id"]
        assert events[0]["actor"]["username"] == "admin"
        assert events[0]["code"] == "P"
    child = await floor.north.bag("C")
    await floor.north.scan_parent("Q")
    moved = await floor.north.post(f"/bags/{child['id']}/move", {"parent_code": "Q"})
    assert moved.status_code == 200
    events = (await floor.north.get(f"/bags/{child['id']}/history")).json()["items"]
    assert [event["action"] for event in events] == ["child_linked", "child_unlinked", "children_imported"]


async def test_an_import_can_be_taken_back_until_something_changes(floor: Floor) -> None:
    await floor.north.scan_parent("OLD")
    await floor.north.scan_child("OLD", "MINE")
    rows = [["parent", "child"], ["OLD", "C1"], ["NEW", "C2"], ["NEW", "C3"], ["LONE", None]]
    done = await rows_in(floor.admin, rows, area_id=floor.areas["North"])
    undone = await floor.admin.post(f"/imports/{done['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert undone.json()["undone_at"]
    assert await links(floor) == {"MINE": "OLD"}
    assert await floor.owner.fetchval("select count(*) from bags") == 2
    assert await floor.true_counts()
    again = await rows_in(floor.admin, rows, area_id=floor.areas["North"])
    assert again["links_created"] == 3
    child = await floor.north.bag("C2")
    await floor.north.post(f"/bags/{child['id']}/move", {"parent_code": "OLD"})
    refused = await floor.admin.post(f"/imports/{again['id']}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "import_changed")


async def test_bills_take_registered_parents(floor: Floor) -> None:
    for code in ("P1", "P2", "P3", "P4"):
        await floor.north.scan_parent(code)
    await floor.north.scan_child("P1", "C1")
    done = await rows_in(
        floor.admin,
        [
            ["Bill No", "Parent"],
            ["B-1", "P1"],
            ["B-1", "p1"],
            ["B-2", "P1"],
            ["B-2", "P2"],
            ["B-3", "NOWHERE"],
            ["B-2", "C1"],
            ["B-2", None],
        ],
        kind="bills",
    )
    assert (done["bills_created"], done["links_created"]) == (2, 2), done
    assert await told(floor.admin, done["id"]) == [
        (3, "duplicate", "row_repeated"),
        (4, "refused", "bag_on_other_bill"),
        (6, "refused", "parent_not_found"),
        (7, "refused", "bag_is_child"),
        (8, "refused", "parent_missing"),
    ]
    assert accounted(done)
    closed = await rows_in(
        floor.admin, [["1", "P3"], ["2", "P4"], ["Bill no", "B-9"], ["3", "P4"]], kind="bills"
    )
    assert (closed["links_created"], closed["rejected"]) == (2, 1)
    undone = await floor.admin.post(f"/imports/{closed['id']}/undo")
    assert undone.status_code == 200
    assert await floor.owner.fetchval("select count(*) from bills") == 2


async def test_a_bill_that_was_completed_once_is_not_taken_back_with_its_import(floor: Floor) -> None:
    await floor.north.scan_parent("P1")
    done = await rows_in(floor.admin, [["Bill No", "Parent"], ["B-1", "P1"]], kind="bills")
    bill = await floor.owner.fetchval("select id from bills")
    assert (await floor.admin.post(f"/bills/{bill}/complete")).status_code == 200
    assert (await floor.admin.post(f"/bills/{bill}/reopen", {"reason": "wrong"})).status_code == 200
    refused = await floor.admin.post(f"/imports/{done['id']}/undo")
    assert (refused.status_code, refused.json()["code"]) == (409, "import_changed")
    assert await floor.owner.fetchval("select count(*) from bags where bill_id = $1", bill) == 1


async def test_reports_come_as_files_too(floor: Floor) -> None:
    import fastexcel

    rows = [["parent", "child"], ["P", "=1+1"], ["Q", "=1+1"]]
    done = await rows_in(floor.admin, rows)
    sheet = await floor.admin.get(f"/imports/{done['id']}/report", format="xlsx")
    frame = fastexcel.read_excel(sheet.content).load_sheet(0, header_row=None, dtypes="string").to_polars()
    assert frame.rows()[1][:2] == ("Q", "=1+1")
    assert frame.rows()[1][-1] == "child_in_other_parent"
    text = (await floor.admin.get(f"/imports/{done['id']}/report", format="csv")).text
    assert text.splitlines()[1].startswith("Q,'=1+1,Sheet1,3,B,'=1+1,refused")
    for kind in ("bags", "bills"):
        template = await floor.admin.get("/imports/template", kind=kind, format="csv")
        assert "Parent Bag" in template.text


async def test_a_whole_season_can_be_taken_back_in_one_go(floor: Floor) -> None:
    season = ["parent,child", *(f"BIG{n // 30},SMALL{n}" for n in range(80_000))]
    done = await brought_in(
        floor.admin, "\n".join(season).encode(), "season.csv", area_id=floor.areas["North"]
    )
    assert done["links_created"] == 80_000
    undone = await floor.admin.post(f"/imports/{done['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert await floor.owner.fetchval("select count(*) from bags") == 0
