"""A random walk over the scan screen: scans between everything that can get in their way.

After each quiet moment the bag and the count on screen, the last sound and the database agree, and every
child is in the bag under which it was scanned. No success was heard before the server had said so. The
controls put faults back that were found in use, one at a time: the same walk must find each.
"""

from __future__ import annotations

import contextlib
import random
import re
from collections import Counter

import asyncpg
import pytest
from playwright.async_api import Error, Page, Route, expect

from tests import retrying
from tests.lengths import figure, length

from .conftest import OpenScreens
from .screens import Screens
from .site import PASSWORD, Site
from .test_together import end_other_sessions

STEPS = length(200, 2_000)
CONTROL_STEPS = 80
QUIET_EVERY = 40
PER_PARENT = 10
"""Steps for each big bag there is: so few that none is full, and done."""
SUCCESS = ([1318, 1760], [1047, 1319, 1568, 2093], [1175, 1175, 587])
"""The notes of what went in, in Hz, also as the last and as one too many; see tokens.css."""

WATCH = """
    // A clock that jumps; sounds and answers, counted over all tabs and reloads.
    const Real = Date;
    const ahead = () => Number(localStorage.getItem("walk.ahead") ?? 0);
    window.Date = class extends Real {
        constructor(...of) { of.length ? super(...of) : super(Real.now() + ahead()); }
        static now() { return Real.now() + ahead(); }
    };
    const count = (name, more) =>
        localStorage.setItem(name, Number(localStorage.getItem(name) ?? 0) + more);
    window.heard = [];
    const start = OscillatorNode.prototype.start;
    OscillatorNode.prototype.start = function (...when) {
        const note = Math.round(this.frequency.value);
        heard.push(note);
        if (note === 1318 || note === 1047) {
            count("walk.successes", 1);
            if (Number(localStorage["walk.successes"]) > Number(localStorage["walk.answers"] ?? 0))
                count("walk.early", 1);
        }
        return start.apply(this, when);
    };
    const real = window.fetch;
    window.fetch = async (...of) => {
        const answer = await real(...of);
        if (answer.ok && /[/]scans([/]sync)?$/.test(new URL(answer.url).pathname)) {
            const said = await answer.clone().json().catch(() => ({}));
            count("walk.answers", (said.results ?? [said]).filter((one) => !one.problem).length);
        }
        return answer;
    };
"""
STALE = """
    // Fault 1: what was open when the page was first opened is taken for what is open now.
    const keep = Storage.prototype.setItem;
    Storage.prototype.setItem = function (name, value) {
        if (name.startsWith("tracetrack.chain.") && this.getItem(name)) return;
        return keep.call(this, name, value);
    };
"""
OFTEN = {
    "stale": "reload",
    "device-decides": "scan_parent",
    "leaves": "end_session",
    "proxy-verdict": "turn_proxy",
}
"""What brings each fault out; the controls do it more often than it happens."""


class Tab:
    """One tab: its chain has a bag of its own open."""

    def __init__(self, screens: Screens) -> None:
        self.screens = screens
        self.open: str | None = None


class Walk:
    """One worker's shift, and what is true of it."""

    def __init__(self, screens: Screens, served: Site, name: str, bags: int, fault: str | None) -> None:
        self.chance = random.Random(16)
        self.bags = bags
        self.served, self.name, self.fault = served, name, fault
        self.tabs = [Tab(screens)]
        self.tab = self.tabs[0]
        self.mark = name.upper()
        self.inside: dict[str, str] = {}
        self.made = 0
        self.offline = False
        self.proxy = False
        self.ended = False
        self.restless = False
        self.did: Counter[str] = Counter()

    @property
    def page(self) -> Page:
        return self.tab.screens.page

    @property
    def parents(self) -> list[str]:
        return [f"{self.mark}-P{number}" for number in range(self.bags)]

    async def begin(self) -> None:
        """Register the big bags, and stand before the first."""
        screens = self.tab.screens
        context = self.page.context
        await context.add_init_script(WATCH + (STALE if self.fault == "stale" else ""))
        await self.page.reload()
        await screens.start_scanning(self.name)
        await self.page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        await self.register()
        await context.route("**/api/v1/**", self.weather)
        other = Screens(await context.new_page())
        await other.open("/scan")
        self.tabs.append(Tab(other))
        for tab in self.tabs:
            self.tab = tab
            await self.page.bring_to_front()
            await screens_open(tab.screens)
            await self.scan_parent()

    async def register(self) -> None:
        async with retrying.client(f"{self.served.url}/api/v1") as elsewhere:
            who = {"username": self.name, "password": PASSWORD}
            token = (await elsewhere.post("/auth/login", json=who)).raise_for_status().json()["access_token"]
            elsewhere.headers["Authorization"] = f"Bearer {token}"
            for code in self.parents:
                (await elsewhere.post("/scans/parent", json={"code": code})).raise_for_status()

    async def weather(self, route: Route) -> None:
        """What stands between the page and the site."""
        if self.proxy:
            status = self.chance.choice([200, 302, 400, 403, 404, 407, 413, 502, 511])
            if self.fault == "proxy-verdict":
                verdict = '{"code": "forbidden", "title": "", "detail": ""}'
                await route.fulfill(status=403, content_type="application/problem+json", body=verdict)
            else:
                headers = {"Location": "/"} if status == 302 else {}
                page = "<html>proxy</html>"
                await route.fulfill(status=status, content_type="text/html", body=page, headers=headers)
            return
        sent = route.request.post_data_json if route.request.url.endswith("/api/v1/scans") else None
        if self.fault == "device-decides" and sent and self.tab.open and sent["previous"]:
            # Fault 2: the device says that whatever follows a big bag is a small one.
            await route.continue_(post_data={**sent, "as": "child"})
            return
        await route.continue_()

    async def scan_parent(self) -> None:
        code = self.chance.choice([code for code in self.parents if code != self.tab.open])
        await self.tab.screens.wedge(code)
        self.tab.open = code

    async def scan_child(self) -> None:
        if self.tab.open is None:
            await self.scan_parent()
            return
        self.made += 1
        code = f"{self.mark}-C{self.made}"
        await self.tab.screens.wedge(code)
        self.inside[code] = self.tab.open

    async def scan_again(self) -> None:
        """A child that is in the open bag already."""
        here = [code for code, parent in self.inside.items() if parent == self.tab.open]
        if here:
            await self.tab.screens.wedge(self.chance.choice(here))

    async def press_next(self) -> None:
        if self.tab.open is not None:
            await self.tab.screens.button("Next big bag").click()
            self.tab.open = None
        await self.scan_parent()

    async def go_home(self) -> None:
        if self.ended:
            return
        await self.page.get_by_role("link", name="Home").click()
        await self.tab.screens.at_home()
        if self.chance.random() < 0.5:
            await self.page.go_back()
        else:
            await self.tab.screens.open_job("/scan")
        await screens_open(self.tab.screens)

    async def reload(self) -> None:
        # What the tab has not stored yet, nobody was told of.
        if not self.ended:
            await expect(self.tab.screens.word.or_(self.page.locator(".stage")).first).to_be_visible()
            await self.settled()
            await self.page.reload()
            await screens_open(self.tab.screens)

    async def settled(self) -> None:
        """The last code has left the reader of keys, and its scan is stored or has its answer."""
        await self.page.evaluate("new Promise((done) => setTimeout(() => setTimeout(done, 100), 100))")
        if await self.tab.screens.word.count():
            await expect(self.tab.screens.word).not_to_have_attribute("data-tone", "sending")

    async def turn_network(self) -> None:
        self.offline = not self.offline
        await self.page.context.set_offline(self.offline)

    async def turn_proxy(self) -> None:
        self.proxy = not self.proxy

    async def end_session(self) -> None:
        if self.offline or self.proxy or self.ended:
            return
        await end_other_sessions(self.served, self.name)
        self.ended = True
        if self.fault == "leaves":
            # Fault 6: the end of the session shows the sign-in page.
            await self.scan_child()
            await self.page.get_by_test_id("interrupted").click()
            await expect(self.page.locator("input[name=username]")).to_be_visible()
            await self.page.locator("input[name=username]").focus()
            await self.scan_child()
            self.restless = True

    async def jump_clock(self) -> None:
        hours = self.chance.choice([-26, 0, 26, 24 * 365 * 60])
        await self.page.evaluate(f"localStorage.setItem('walk.ahead', {hours} * 3600e3)")

    async def open_dialog(self) -> None:
        """A scan while the page asks for typing."""
        await self.tab.screens.button("Type a code").click()
        await expect(self.page.locator(".type-code input")).to_be_focused()
        await self.page.keyboard.press("Escape")
        await expect(self.page.locator(".type-code")).to_have_count(0)
        await self.scan_child()

    async def change_tab(self) -> None:
        self.tab = next(tab for tab in self.tabs if tab is not self.tab)
        await self.page.bring_to_front()

    async def step(self) -> None:
        acts = {
            self.scan_child: 50,
            self.scan_parent: 12,
            self.scan_again: 6,
            self.press_next: 4,
            self.go_home: 5,
            self.reload: 4,
            self.turn_network: 5,
            self.turn_proxy: 4,
            self.end_session: 1,
            self.jump_clock: 3,
            self.open_dialog: 3,
            self.change_tab: 5,
        }
        assert not await self.page.locator(".refusal").count(), "nothing is to be rejected or asked about"
        weights = [
            weight * (8 if act.__name__ == OFTEN.get(self.fault or "") else 1) for act, weight in acts.items()
        ]
        [act] = self.chance.choices(list(acts), weights)
        self.did[act.__name__] += 1
        await act()

    async def quiet(self, stored: asyncpg.Connection) -> None:
        """Let everything arrive; then screen, sound and database must agree."""
        self.offline = self.proxy = False
        await self.page.context.set_offline(False)
        for tab in self.tabs:
            self.tab = tab
            await self.page.bring_to_front()
            interrupted = self.page.get_by_test_id("interrupted")
            if self.ended and tab is self.tabs[0]:
                await self.sign_in_again()
            elif await interrupted.count():
                # That somebody has signed in there is enough; mostly this tab has found out by itself.
                with contextlib.suppress(Error):
                    await interrupted.click(timeout=2_000)
                await expect(interrupted).to_have_count(0)
            await self.settled()
            await tab.screens.all_sent()
        self.ended = False
        await self.page.evaluate("heard.length = 0")
        await self.scan_child()
        await expect(self.tab.screens.word).to_have_attribute("data-tone", re.compile("^(ok|full|over)$"))
        # A busy machine may let it wait first.
        successes = ", ".join(f"'{','.join(map(str, notes))}'" for notes in SUCCESS)
        await self.tab.screens.until(f"[{successes}].some((notes) => heard.join().endsWith(notes))")
        rows = await stored.fetch(
            "select c.code, p.code as parent from bags c left join bags p on p.id = c.parent_id"
            " where c.kind = 'child' and c.code like $1",
            f"{self.mark}-%",
        )
        assert {row["code"]: row["parent"] for row in rows} == self.inside
        for tab in self.tabs:
            await tab.screens.page.bring_to_front()
            assert tab.open is not None
            await expect(tab.screens.parent).to_have_text(tab.open)
            inside = sum(parent == tab.open for parent in self.inside.values())
            await tab.screens.shows(inside)
        assert await self.page.evaluate("localStorage.getItem('walk.early')") is None

    async def sign_in_again(self) -> None:
        """Some call tells the tab that its session is over; then its worker signs in."""
        interrupted = self.page.get_by_test_id("interrupted")
        if not await self.page.locator("input[name=username]").count():
            await expect(interrupted).to_be_visible()
            await interrupted.click()
        entrance = self.page.locator("input[name=username]")
        await expect(entrance.or_(self.page.locator(".stage")).first).to_be_visible()
        await expect(interrupted).to_have_count(0)
        if await entrance.count():
            await self.tab.screens.sign_in(self.name)
        await screens_open(self.tab.screens)


async def screens_open(screens: Screens) -> None:
    """Wait until the scan screen knows what is open."""
    await expect(screens.page.locator(".stage")).to_be_visible()
    await expect(screens.page.locator(".stage .breathing")).to_have_count(0)


async def walk(
    screens: Screens, served: Site, stored: asyncpg.Connection, steps: int, fault: str | None = None
) -> Counter[str]:
    """Go so many steps; raises where screen, sound and database disagree."""
    name = served.dispatcher(f"walker-{fault or 'sound'}", area=f"Walk {fault}")
    going = Walk(screens, served, name, steps // PER_PARENT, fault)
    await going.begin()
    for number in range(1, steps + 1):
        await going.step()
        if number % QUIET_EVERY == 0 or going.restless:
            await going.quiet(stored)
    return going.did


async def test_screen_sound_and_database_agree_whatever_happens(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection
) -> None:
    did = await walk(await open_screens(kept=True), served, stored, STEPS)
    figure("random walk", f"{STEPS} steps: {dict(did)}")


@pytest.mark.usefixtures("control")
@pytest.mark.parametrize("fault", OFTEN)
async def test_the_walk_finds_a_fault_that_is_put_back(
    open_screens: OpenScreens, served: Site, stored: asyncpg.Connection, fault: str
) -> None:
    screens = await open_screens(kept=True)
    with pytest.raises((AssertionError, Error)) as found:
        await walk(screens, served, stored, CONTROL_STEPS, fault)
    print(f"{fault}: {str(found.value)[:300]}")
