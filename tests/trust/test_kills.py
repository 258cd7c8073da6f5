"""Workers, PostgreSQL and Valkey are killed at random while fifty people work: nothing that was
promised is lost, nothing is done twice, nothing is there that nobody asked for.

``make soak`` runs it at full length: 100 kills in 100,000 acts.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from tests.lengths import figure, length
from tests.trust.record import Recorder, anomalies, told
from tests.trust.site import TrustSite, hire, site
from tests.trust.workload import Workload

pytestmark = pytest.mark.slow

ACTS = int(os.environ.get("ACTS", length("1500", "100000")))
KILLS = int(os.environ.get("KILLS", length("4", "100")))
VICTIMS = {"worker": 0.5, "postgres": 0.3, "valkey": 0.2}

HARM = (
    "delete from scans where id = {scan}",
    "delete from audit_events where id = {event}",
    "update scans set outcome = 'already_linked' where id = {scan}",
    "update bags set parent_id = null, linked_by = null, linked_at = null where id = {child}",
    "insert into audit_events (actor_id, subject_id, parent_id, scan_id, action, subject_type)"
    " select actor_id, subject_id, parent_id, scan_id, action, subject_type"
    " from audit_events where id = {event}",
    "insert into scans (scan_id, user_id, action, outcome, code)"
    " values (gen_random_uuid(), 1, 'child', 'linked', 'C1')",
    "insert into bills (number, area_id, created_by) select 'B-none', area_id, created_by from bills limit 1",
    "delete from audit_events where id = {completed}",
    "update audit_events set action = 'bill_reopened' where id = {completed}",
    "update bills set completed_at = case when completed_at is null then now() end where id = {bill}",
)
"""What a checker must notice: lost, doubled, changed, and what nobody asked for."""


async def killing(running: TrustSite, work: Workload, kills: int, acts: int, only: str = "") -> Counter[str]:
    """Kill something again and again, spread over the acts, and not before the last one is back."""
    dice = random.Random(20261124)
    killed: Counter[str] = Counter()
    order = ["worker", "postgres", "valkey"]
    for number in range(kills):
        due = acts * (number + dice.uniform(0.3, 0.9)) / (kills + 1)
        await work.reaches(due)
        weighed = dice.choices(list(VICTIMS), list(VICTIMS.values()))[0]
        what = only or (order[number] if number < len(order) else weighed)
        killed[what] += await asyncio.to_thread(running.kill, what, dice.random())
        if what == "postgres":
            await asyncio.to_thread(running.until_serving)
    return killed


@contextlib.asynccontextmanager
async def stormy(
    folder: Path, acts: int, kills: int, only: str = "", careless: bool = False
) -> AsyncIterator[tuple[TrustSite, Workload, Counter[str]]]:
    """A site on which so many acts were done under so many kills, all answered, and still running."""
    with site(folder) as running:
        if careless:
            owner = await running.owner()
            await owner.execute("alter database tracetrack set synchronous_commit = off")
            await owner.close()
            for _ in running.workers():
                running.kill("worker")
            await asyncio.to_thread(running.until_serving)
        lines = await hire(running, 40, 9)
        work = Workload(lines, Recorder(folder / "account.jsonl"))
        storm = asyncio.create_task(killing(running, work, kills, acts, only))
        await work.run(acts)
        killed = await storm
        await asyncio.to_thread(running.until_serving)
        await work.settle()
        work.recorder.close()
        for line in lines:
            line.hang_up()
        yield running, work, killed


async def test_what_was_promised_survives_kills_and_what_was_refused_never_was(tmp_path: Path) -> None:
    async with stormy(tmp_path, ACTS, KILLS) as (running, work, killed):
        owner = await running.owner()
        wrong = await anomalies(work.recorder.path, owner)
        account = told(work.recorder.path)
        fates = Counter(one.fate for one in account.values())
        lost = work.recorder.answers["lost"]
        figure(
            "kills",
            f"{len(account):,} acts ({dict(fates)}), {sum(one.asked for one in account.values()):,} calls,"
            f" {lost:,} answers lost, kills {dict(killed)}: {len(wrong)} anomalies;"
            f" {dict(work.recorder.answers.most_common(40))}",
        )
        assert wrong == []
        assert killed.total() == KILLS
        assert lost > 0, "no kill was noticed by anybody"
        # The checker's own controls, on what this very run left.
        for harm in HARM:
            await _finds(work, owner, harm)
        await owner.close()


async def _finds(work: Workload, owner: asyncpg.Connection, harm: str) -> None:
    """A control: the checker says so when this is done to the database behind everybody's back."""
    row = await owner.fetchrow("""
        select s.id as scan, e.id as event, b.id as child, last.id as completed, last.subject_id as bill
        from scans s
        join audit_events e on e.scan_id = s.scan_id and e.action = 'child_linked'
        join bags b on b.id = s.bag_id and b.parent_id = s.parent_id and b.linked_at = s.received_at
        cross join (select id, subject_id from audit_events where action = 'bill_completed'
                    order by id desc limit 1) last
        where s.action = 'child' and s.outcome = 'linked' order by s.id desc limit 1""")
    harmful = owner.transaction()
    await harmful.start()
    await owner.execute(harm.format(**row))
    assert await anomalies(work.recorder.path, owner) != [], harm
    await harmful.rollback()


async def test_a_database_that_promises_too_early_is_found_out(tmp_path: Path) -> None:
    """The control of the whole: with ``synchronous_commit = off`` a kill loses what was promised."""
    async with stormy(tmp_path, 600, 2, only="postgres", careless=True) as (running, work, killed):
        owner = await running.owner()
        wrong = await anomalies(work.recorder.path, owner)
        figure("kills: control", f"{dict(killed)} kills: {len(wrong)} anomalies, such as {wrong[:2]}")
        assert any("it is not there" in one for one in wrong)
        await owner.close()
