"""Reports equal the facts, count days as the site does, and say the same in every format."""

import csv
import datetime as dt
import io
from typing import Any
from zoneinfo import ZoneInfo

import fastexcel
import httpx
import pdfplumber

from tests.billing.bills import attach, new_bill, packed
from tests.floor import Floor


async def a_day(floor: Floor) -> dict[str, Any]:
    """North packs 7 children in 3 parents and sends 2 of them; South packs one and keeps it."""
    north, south = floor.areas["North"], floor.areas["South"]
    for code, children in (("P1", 4), ("P2", 2), ("P3", 1)):
        await packed(floor, code, children)
    await floor.north.post(f"/bags/{(await floor.north.bag('P1'))['id']}/complete")
    child = await floor.north.bag("P1-0")
    await floor.north.delete(f"/bags/{(await floor.north.bag('P1'))['id']}/children/{child['id']}")
    await floor.south.scan_parent("Q1")
    await floor.south.scan_child("Q1", "Q1-0")
    await floor.south.scan_child("Q1", "Q1")
    sent = await new_bill(floor.biller, number="B-1", area_id=north, destination="Nagpur")
    for code in ("P1", "P2"):
        await attach(floor.biller, sent["id"], code)
    await floor.biller.post(f"/bills/{sent['id']}/complete")
    await new_bill(floor.admin, number="B-2", area_id=south, destination="Pune")
    return sent


async def test_end_of_day_by_area_and_worker(floor: Floor) -> None:
    await a_day(floor)
    report = (await floor.biller.get("/reports/end-of-day")).json()
    assert report["date"] == str(dt.datetime.now(ZoneInfo("Asia/Kolkata")).date())
    totals = report["totals"]
    assert (totals["parents_packed"], totals["children_linked"], totals["children_unlinked"]) == (4, 8, 1)
    assert (totals["weight_packed_kg"], totals["parents_completed"]) == (7, 1)
    assert (totals["bills_created"], totals["bills_completed"]) == (2, 1)
    assert (totals["parents_dispatched"], totals["weight_dispatched_kg"]) == (2, 5)
    areas = {row["area"]["name"]: row for row in report["by_area"] if row["area"]}
    assert (areas["North"]["children_linked"], areas["South"]["children_linked"]) == (7, 1)
    assert (areas["North"]["bills_completed"], areas["South"]["bills_completed"]) == (1, 0)
    people = {row["worker"]["username"]: row for row in report["by_worker"]}
    assert (people["north"]["children_linked"], people["south"]["scans_refused"]) == (7, 1)
    assert (people["biller"]["bills_completed"], people["admin"]["bills_created"]) == (1, 1)
    south = (await floor.biller.get("/reports/end-of-day", area_id=floor.areas["South"])).json()
    assert (south["totals"]["children_linked"], len(south["by_area"])) == (1, 1)
    for field in ("children_linked", "scans", "bills_created"):
        assert sum(row[field] for row in report["by_area"]) == totals[field]
        assert sum(row[field] for row in report["by_worker"]) == totals[field]


async def test_a_day_is_the_sites_day(floor: Floor) -> None:
    await a_day(floor)
    zone = ZoneInfo("Asia/Kolkata")
    moment = dt.datetime(2026, 3, 1, 0, 30, tzinfo=zone)
    await floor.owner.execute("update audit_events set at = $1 where action = 'child_linked'", moment)
    await floor.owner.execute("update bills set completed_at = $1 where completed_at is not null", moment)

    async def work(date: str) -> tuple[int, int]:
        totals = (await floor.biller.get("/reports/end-of-day", date=date)).json()["totals"]
        return totals["children_linked"], totals["bills_completed"]

    # Half past midnight in Kolkata is still the day before in UTC.
    assert (await work("2026-03-01"), await work("2026-02-28")) == ((8, 1), (0, 0))
    await floor.admin.patch("/settings", {"time_zone": "UTC"})
    assert (await work("2026-03-01"), await work("2026-02-28")) == ((0, 0), (8, 1))


async def test_bills_of_a_period_equal_the_bills(floor: Floor) -> None:
    sent = await a_day(floor)
    report = (await floor.biller.get("/reports/bills")).json()
    bill = (await floor.biller.get(f"/bills/{sent['id']}")).json()
    assert report["totals"] == {
        "bills": 1,
        **{
            name: bill[name]
            for name in ("parent_count", "child_count", "weight_kg", "expected_weight_kg", "variance_kg")
        },
    }
    assert [line["number"] for line in report["bills"]] == ["B-1"]
    assert [row["destination"] for row in report["by_destination"]] == ["Nagpur"]
    made = (await floor.biller.get("/reports/bills", by="created")).json()
    assert (made["totals"]["bills"], [row["state"] for row in made["by_state"]]) == (2, ["completed", "new"])
    new = (await floor.biller.get("/reports/bills", by="created", state="new")).json()
    assert [line["number"] for line in new["bills"]] == ["B-2"]
    past = (await floor.biller.get("/reports/bills", **{"from": "2020-01-01", "to": "2020-01-31"})).json()
    assert past["totals"]["bills"] == 0


async def test_areas_with_their_stock(floor: Floor) -> None:
    await a_day(floor)
    report = (await floor.biller.get("/reports/areas")).json()
    areas = {row["area"]["name"]: row for row in report["areas"]}
    north = areas["North"]
    assert (north["parents_in_stock"], north["children_in_stock"], north["weight_in_stock_kg"]) == (1, 1, 1)
    assert (north["parents_dispatched"], areas["South"]["parents_in_stock"]) == (2, 1)


async def test_periods_and_roles(floor: Floor) -> None:
    for path in ("/reports/bills", "/reports/areas"):
        answer = await floor.biller.get(path, **{"from": "2026-02-01", "to": "2026-01-01"})
        assert (answer.status_code, answer.json()["code"]) == (422, "bad_period")
        assert (await floor.biller.get(path, **{"from": "2020-01-01"})).json()["code"] == "bad_period"
        assert (await floor.biller.get(path, **{"from": "9999-12-31", "to": "9999-12-31"})).status_code == 422
    assert (await floor.biller.get("/reports/end-of-day", area_id=999)).json()["code"] == "area_not_found"
    assert (await floor.north.get("/reports/end-of-day")).status_code == 403


async def file(answer: httpx.Response) -> bytes:
    assert answer.status_code == 200, answer.text
    return answer.content


async def test_reports_as_files_say_the_same(floor: Floor) -> None:
    await a_day(floor)
    for path in ("/reports/end-of-day", "/reports/bills", "/reports/areas"):
        for lang in ("en", "hi"):
            with pdfplumber.open(
                io.BytesIO(await file(await floor.biller.get(path, format="pdf", lang=lang)))
            ) as pdf:
                text = "\n".join(page.extract_text() for page in pdf.pages)
            assert ("North" in text) or ("B-1" in text)
        plain = (await file(await floor.biller.get(path, format="csv"))).decode("utf-8-sig")
        assert "North" in plain
        assert fastexcel.read_excel(await file(await floor.biller.get(path, format="xlsx"))).sheet_names
    plain = (await file(await floor.biller.get("/reports/end-of-day", format="csv"))).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(plain)))
    head = next(row for row in rows if row and row[0] == "Area")
    north = next(row for row in rows if row and row[0] == "North")
    total = next(row for row in rows if row and row[0] == "Total")
    column = head.index("Children linked")
    assert (north[column], total[column]) == ("7", "8")
    book = fastexcel.read_excel(await file(await floor.biller.get("/reports/bills", format="xlsx")))
    lines = book.load_sheet("Bills").to_polars()
    assert lines["Number"].to_list() == ["B-1", "Total"]
    assert lines["Weight (kg)"].to_list() == [5, 5]
