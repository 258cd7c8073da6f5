"""The report points at the cause, and comes back corrected; what an import leaves behind can be put right."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import fastexcel
import pytest

from tests.billing.bills import new_bill
from tests.floor import Floor, Person
from tests.imports.files import accounted, brought_in, finished, links, rows_in, told, upload
from tests.imports.workbooks import Rows, workbook


async def report(person: Person, import_id: int, **query: Any) -> list[dict[str, Any]]:
    return list((await person.get(f"/imports/{import_id}/report", limit=200, **query)).json()["items"])


async def test_a_reason_about_the_parent_points_at_the_parent(floor: Floor) -> None:
    await floor.north.scan_parent("OLD")
    await floor.north.scan_child("OLD", "KID")
    rows = [["Child", "Area", "Parent"], ["C1", None, "KID"], ["C2", "South", "OLD"], ["C3", None, "OLD"]]
    done = await rows_in(floor.admin, rows)
    assert [
        (row["row"], row["column"], row["value"], row["bag_code"], row["code"])
        for row in await report(floor.admin, done["id"])
    ] == [(2, "C", "KID", "KID", "bag_is_child"), (3, "B", "South", "OLD", "bag_in_other_area")]
    # The third row says nothing of an area: it is not refused for what the second says.
    assert await links(floor) == {"KID": "OLD", "C3": "OLD"}


async def test_in_a_packing_sheet_the_reason_names_the_code_of_the_group(floor: Floor) -> None:
    await floor.north.scan_parent("OLD")
    await floor.north.scan_child("OLD", "KID")
    rows = [["1", "C1"], ["parent code", "KID"], ["1", "C2"], ["parent code", "#N/A"]]
    done = await rows_in(floor.admin, rows)
    found = await report(floor.admin, done["id"])
    assert {(row["row"], row["column"], row["value"], row["code"]) for row in found} == {
        (1, None, "KID", "bag_is_child"),
        (2, "B", "KID", "bag_is_child"),
        (3, "B", "C2", "holder_missing"),
        (4, "B", "#N/A", "cell_error"),
    }
    sentences = {row["row"]: row["detail"] for row in found}
    assert sentences[1].endswith("The code of its group is KID.")
    assert sentences[3].endswith("See row 4.")


async def test_a_dispatched_parent_is_named_as_the_cause(floor: Floor) -> None:
    await floor.north.scan_parent("GONE")
    bill = await new_bill(floor.biller)
    await floor.biller.post(f"/bills/{bill['id']}/bags", {"code": "GONE", "scan_id": str(uuid4())})
    assert (await floor.biller.post(f"/bills/{bill['id']}/complete")).status_code == 200
    done = await rows_in(floor.admin, [["Parent", "Child"], ["GONE", "C1"]])
    (row,) = await report(floor.admin, done["id"])
    assert (row["column"], row["value"], row["code"]) == ("A", "GONE", "parent_locked")


@pytest.mark.parametrize(
    ("language", "end"),
    [("en", "First in row 2 of sheet “शीट1”."), ("hi", "पहली बार शीट “शीट1” की पंक्ति 2 में।")],
)
async def test_the_first_row_is_named_in_words(floor: Floor, language: str, end: str) -> None:
    rows: Rows = [["Parent", "Child"], ["P", "C1"], ["Q", "C1"]]
    done = await brought_in(floor.admin, workbook({"शीट1": rows}))
    answer = await floor.admin.http.get(
        f"/imports/{done['id']}/report", headers={"accept-language": language}
    )
    assert answer.json()["items"][0]["detail"].endswith(end)


HEADED: Rows = [
    ["Sr No", "Master Bag (30 Kg)", "Note", "Packet QR"],
    ["1", "P1", "x", "C1"],
    ["2", "P1", "y", "#N/A"],
]
BARE: Rows = [["1", "P1", "C1"], ["2", "P1", "#N/A"]]


@pytest.mark.parametrize("rows", [HEADED, BARE])
@pytest.mark.parametrize("language", ["en", "hi"])
@pytest.mark.parametrize("form", ["xlsx", "csv"])
async def test_a_corrected_report_is_read_like_the_file(
    floor: Floor, rows: Rows, language: str, form: str
) -> None:
    held = (await upload(floor.admin, workbook({"S": rows}), hold=True)).json()
    (sheet,) = (await floor.admin.get(f"/imports/{held['id']}/preview")).json()["sheets"]
    width = sheet["width"]
    sheet["columns"] |= {"parent": 1, "child": width - 1}
    sheet["problem"] = None
    await floor.admin.post(f"/imports/{held['id']}/start", {"mapping": [sheet | {"use": True}]})
    done = await finished(floor.admin, held["id"])
    assert await told(floor.admin, done["id"]) == [(len(list(rows)), "refused", "cell_error")]
    file = await floor.admin.http.get(
        f"/imports/{done['id']}/report", params={"format": form}, headers={"accept-language": language}
    )
    if form == "csv":
        content = file.text.replace("#N/A", "C2").encode()
    else:
        frame = fastexcel.read_excel(file.content).load_sheet(0, header_row=None, dtypes="string")
        table = [[cell if cell != "#N/A" else "C2" for cell in row] for row in frame.to_polars().rows()]
        content = workbook({"report": table})
    again = await brought_in(floor.admin, content, f"report.{form}")
    assert (again["state"], again["links_created"], again["rejected"]) == ("completed", 1, 0), again
    assert await links(floor) == {"C1": "P1", "C2": "P1"}


@pytest.mark.parametrize("letters", ["AB", "ABC"])
async def test_a_report_with_letters_as_headings_is_recognised(floor: Floor, letters: str) -> None:
    cells = ["P1", "C1"] if letters == "AB" else ["1", "P1", "C1"]
    head = ["Sheet", "Row", "Column", "Value", "Result", "Reason", "Code"]
    rows = [
        [*letters, *head],
        [*cells, "S", "2", "B", "#N/A", "refused", "Excel shows an error.", "cell_error"],
    ]
    done = await rows_in(floor.admin, rows)
    assert (done["links_created"], done["rejected"]) == (1, 0)
    assert await links(floor) == {"C1": "P1"}


async def test_the_report_of_a_packing_sheet_is_not_read_without_its_groups(floor: Floor) -> None:
    done = await rows_in(
        floor.admin, [["1", "C1"], ["2", "C2"], ["3", "#N/A"], ["parent code", "P1"], ["1", "C1"]]
    )
    file = await floor.admin.get(f"/imports/{done['id']}/report", format="csv")
    again = await brought_in(floor.admin, file.content, "report.csv")
    assert (again["state"], again["error_code"]) == ("failed", "report_of_groups")
    old = [
        ["A", "B", "Sheet", "Row", "Column", "Value", "Result", "Reason", "Code"],
        ["3", "C3"],
        ["1", "C4"],
    ]
    again = await rows_in(floor.admin, old)
    assert (again["state"], again["error_code"]) == ("failed", "report_of_groups")


async def states(floor: Floor) -> dict[str, str]:
    rows = await floor.owner.fetch("select code, state from bags where kind = 'parent' order by code")
    return {row["code"]: row["state"] for row in rows}


PACKED: Rows = [["1", "C1"], ["2", "C2"], ["parent code", "P1"], ["1", "C3"], ["parent code", "P2"]]


@pytest.mark.parametrize(("said", "state"), [(None, "completed"), (True, "completed"), (False, "open")])
async def test_parents_of_a_packing_sheet_are_completed_unless_said_otherwise(
    floor: Floor, said: bool | None, state: str
) -> None:
    done = await rows_in(floor.admin, PACKED, **({} if said is None else {"complete_parents": said}))
    assert await states(floor) == {"P1": state, "P2": state}
    assert done["parents_completed"] == (2 if state == "completed" else 0)
    assert (done["parents_packed"], done["parents_alone"], done["rows_total"]) == (2, 0, 5)
    assert accounted(done)
    # The same again: nothing new, and nobody alone.
    again = await rows_in(floor.admin, [*PACKED, ["1", "C4"], ["parent code", "P3"]])
    assert (again["links_created"], again["parents_packed"], again["parents_alone"]) == (1, 1, 0)
    assert accounted(again)
    assert set((await states(floor)).values()) == {"completed"}


async def test_full_parents_of_pairs_are_completed_when_it_is_wanted(floor: Floor) -> None:
    full = [["FULL", f"F{n}"] for n in range(30)]
    rows = [["Parent", "Child"], *full, ["PART", "X1"], ["LONE", None]]
    done = await rows_in(floor.admin, rows)
    assert set((await states(floor)).values()) == {"open"}
    assert done["complete_parents"] is None
    again = await rows_in(floor.admin, rows, complete_parents=True, confirm=True)
    assert again["parents_completed"] == 1
    assert await states(floor) == {"FULL": "completed", "PART": "open", "LONE": "open"}
    full_bag = await floor.admin.bag("FULL")
    events = (await floor.admin.get(f"/bags/{full_bag['id']}/history")).json()["items"]
    assert events[0]["action"] == "parent_completed"
    # Taking the second back opens it again; taking the first back removes it.
    undone = await floor.admin.post(f"/imports/{again['id']}/undo")
    assert undone.status_code == 200, undone.text
    assert (await states(floor))["FULL"] == "open"
    assert (await floor.admin.post(f"/imports/{done['id']}/undo")).status_code == 200
    assert await states(floor) == {}
    assert await floor.true_counts()


async def test_what_has_written_nothing_can_be_removed(floor: Floor) -> None:
    content = workbook({"S": [["Parent", "Child"], ["P1", "C1"]]})
    held = (await upload(floor.admin, content, hold=True)).json()["id"]
    tried = (await brought_in(floor.admin, content, dry_run=True))["id"]
    failed = (await brought_in(floor.admin, b"[{}]", "x.json"))["id"]
    done = (await brought_in(floor.admin, content))["id"]
    for import_id in (held, tried, failed):
        assert (await floor.north.delete(f"/imports/{import_id}")).status_code == 403
        assert (await floor.admin.delete(f"/imports/{import_id}")).status_code == 204
        assert (await floor.admin.get(f"/imports/{import_id}")).status_code == 404
        assert (await floor.admin.delete(f"/imports/{import_id}")).status_code == 404
    refused = await floor.admin.delete(f"/imports/{done}")
    assert (refused.status_code, refused.json()["code"]) == (409, "import_not_removable")
    assert [one["id"] for one in (await floor.admin.get("/imports")).json()["items"]] == [done]
    removed = await floor.owner.fetch("select subject_id from audit_events where action = 'import_removed'")
    assert sorted(row["subject_id"] for row in removed) == sorted([held, tried, failed])
    bills = (await upload(floor.admin, b"bill,parent\nB-1,P1\n", "b.csv", kind="bills", hold=True)).json()[
        "id"
    ]
    assert (await floor.biller.delete(f"/imports/{bills}")).status_code == 403
