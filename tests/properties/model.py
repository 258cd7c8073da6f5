"""The rules of the floor and of bills, written once more as a small model in memory."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(eq=False)
class Bill:
    """A bill; which bags are on it stands on the bags."""

    done: bool = False


@dataclass(eq=False)
class Bag:
    """A bag as people speak of it."""

    code: str
    kind: str
    area: str | None
    parent: Bag | None = None
    bill: Bill | None = None
    done: bool = False
    gone: bool = False
    made_by: str = ""
    """The scan that made the live link."""

    @property
    def dispatched(self) -> bool:
        return self.bill is not None and self.bill.done

    @property
    def state(self) -> str:
        if self.kind == "child":
            return "linked" if self.parent else "free"
        if self.bill:
            return "dispatched" if self.bill.done else "billed"
        return "completed" if self.done else "open"


@dataclass
class Did:
    """What came of one act, with what undoing it needs."""

    who: str
    outcome: str
    bag: Bag | None = None
    parent: Bag | None = None
    origin: Bag | None = None
    was_made_by: str = ""
    was_in: str | None = None
    """The area of a free child before it was put in."""
    undone: bool = False
    items: list[Did] = field(default_factory=list)
    """Of many children put in at once."""


@dataclass
class Model:
    """Sections 2 and 3 of the product."""

    home: dict[str, str | None]
    """The area of each person, None for those who see all."""
    codes: dict[str, Bag] = field(default_factory=dict)
    """By every code that finds it, in lower case: retired ones too."""

    def foreign(self, who: str, bag: Bag | None) -> bool:
        if bag is None or bag.area is None or self.home[who] is None:
            return False
        return bag.area != self.home[who]

    def _take(self, who: str, bag: Bag | None) -> None:
        """A bag without an area takes that of the worker who scans it, with what it is in or holds."""
        if bag is None or bag.area is not None or self.home[who] is None:
            return
        whole = bag.parent or bag
        for one in (whole, *self.children(whole)):
            one.area = self.home[who]

    def find(self, code: str) -> Bag | None:
        return self.codes.get(code.lower())

    def live(self) -> set[Bag]:
        return {bag for bag in self.codes.values() if not bag.gone}

    def children(self, parent: Bag) -> list[Bag]:
        return [bag for bag in self.live() if bag.parent is parent]

    def on(self, bill: Bill) -> list[Bag]:
        return [bag for bag in self.live() if bag.bill is bill]

    def _register(self, code: str, kind: str, area: str | None) -> Bag:
        return self.codes.setdefault(code.lower(), Bag(code, kind, area))

    def _link(self, bag: Bag, parent: Bag | None, made_by: str) -> None:
        bag.parent, bag.made_by = parent, made_by
        bag.area = parent.area if parent else bag.area

    def scan_parent(self, who: str, code: str) -> Did:
        bag = self.find(code)
        if bag is None:
            return Did(who, "created", self._register(code, "parent", self.home[who]))
        self._take(who, bag)
        if self.foreign(who, bag):
            return Did(who, "bag_in_other_area")
        return Did(who, "opened" if bag.kind == "parent" else "bag_is_child", bag)

    def _parent(self, who: str, code: str) -> Bag | str:
        """The parent with this code, or why it cannot be scanned into."""
        parent = self.find(code)
        if parent is None:
            return "parent_not_found"
        self._take(who, parent)
        if self.foreign(who, parent):
            return "bag_in_other_area"
        return "bag_is_child" if parent.kind == "child" else parent

    def _put(self, who: str, scan: str, code: str, parent: Bag) -> Did:
        bag = self.find(code)
        if bag is None:
            if parent.dispatched:
                return Did(who, "parent_locked")
            bag = self._register(code, "child", parent.area)
        if bag.parent is not None:
            self._take(who, bag)
        if self.foreign(who, bag):
            return Did(who, "bag_in_other_area")
        if bag.kind == "parent":
            return Did(who, "bag_is_parent")
        if bag.parent is not None:
            return Did(who, "already_linked" if bag.parent is parent else "child_in_other_parent")
        if parent.dispatched:
            return Did(who, "parent_locked")
        was_in = bag.area
        self._link(bag, parent, scan)
        # Its count has changed, so it is not done any more.
        parent.done = False
        return Did(who, "linked", bag, parent, was_in=was_in)

    def scan_child(self, who: str, scan: str, code: str, parent_code: str) -> Did:
        parent = self._parent(who, parent_code)
        return self._put(who, scan, code, parent) if isinstance(parent, Bag) else Did(who, parent)

    def scan_children(self, who: str, scan: str, codes: list[str], parent_code: str) -> Did:
        parent = self._parent(who, parent_code)
        if not isinstance(parent, Bag):
            return Did(who, parent)
        return Did(who, "judged", items=[self._put(who, scan, code, parent) for code in codes])

    def move(self, who: str, scan: str, bag: Bag, parent_code: str) -> Did:
        parent = self.find(parent_code)
        if bag.gone or self.foreign(who, bag):
            return Did(who, "bag_not_found")
        if parent is None or self.foreign(who, parent):
            return Did(who, "bag_in_other_area" if parent else "parent_not_found")
        if bag.kind == "parent" or parent.kind == "child":
            return Did(who, "bag_is_parent" if bag.kind == "parent" else "bag_is_child")
        self._take(who, parent)
        if bag.parent is parent:
            return Did(who, "already_linked")
        if parent.dispatched or (bag.parent and bag.parent.dispatched):
            return Did(who, "parent_locked")
        origin, was, was_in = bag.parent, bag.made_by, bag.area
        self._link(bag, parent, scan)
        parent.done = False
        return Did(who, "moved" if origin else "linked", bag, parent, origin, was, was_in)

    def unlink(self, who: str, bag: Bag, parent: Bag) -> Did:
        if bag.gone or parent.gone or self.foreign(who, bag) or self.foreign(who, parent):
            return Did(who, "bag_not_found")
        if bag.kind == "parent" or bag.parent is None:
            return Did(who, "bag_is_parent" if bag.kind == "parent" else "child_not_linked")
        if bag.parent is not parent:
            return Did(who, "child_in_other_parent")
        if parent.dispatched:
            return Did(who, "parent_locked")
        was = bag.made_by
        self._link(bag, None, "")
        return Did(who, "unlinked", bag, parent, was_made_by=was)

    def complete(self, who: str, bag: Bag, done: bool) -> Did:
        if bag.gone or self.foreign(who, bag):
            return Did(who, "bag_not_found")
        if bag.kind == "child":
            return Did(who, "bag_is_child")
        if bag.done == done:
            return Did(who, "as_before", bag)
        if bag.dispatched:
            return Did(who, "parent_locked")
        bag.done = done
        return Did(who, "completed" if done else "reopened", bag)

    def label(self, who: str, bag: Bag, code: str) -> Did:
        if bag.gone or self.foreign(who, bag):
            return Did(who, "bag_not_found")
        if self.codes.get(code.lower(), bag) is not bag:
            return Did(who, "code_taken")
        if bag.code == code:
            return Did(who, "already_labelled")
        if bag.dispatched or (bag.parent and bag.parent.dispatched):
            return Did(who, "parent_locked")
        bag.code = code
        self.codes[code.lower()] = bag
        return Did(who, "label_replaced")

    def delete(self, bag: Bag) -> str:
        if bag.gone:
            return "bag_not_found"
        if bag.state not in ("open", "free") or self.children(bag):
            return "bag_in_use"
        bag.gone = True
        self.codes = {code: other for code, other in self.codes.items() if other is not bag}
        return "deleted"

    def attach(self, who: str, bill: Bill, code: str) -> Did:
        bag = self.find(code)
        if bag is not None and bag.bill is bill:
            return Did(who, "already_attached")
        if bill.done:
            return Did(who, "bill_completed")
        if bag is None or bag.kind == "child":
            return Did(who, "bag_is_child" if bag else "bag_not_found")
        if bag.bill is not None:
            return Did(who, "bag_on_other_bill")
        bag.bill = bill
        return Did(who, "attached")

    def detach(self, who: str, bill: Bill, code: str) -> Did:
        bag = self.find(code)
        if bill.done:
            return Did(who, "bill_completed")
        if bag is None or bag.bill is not bill:
            return Did(who, "bag_not_on_bill" if bag else "bag_not_found")
        bag.bill = None
        return Did(who, "detached")

    def complete_bill(self, bill: Bill) -> str:
        if not bill.done and not self.on(bill):
            return "bill_empty"
        bill.done = True
        return "completed"

    def reopen_bill(self, bill: Bill) -> str:
        if not bill.done:
            return "bill_not_completed"
        bill.done = False
        return "processing"

    def undo(self, who: str, scan: str, did: Did) -> str:
        if self.home[who] is not None and did.who != who:
            return "scan_not_found"
        if did.undone:
            return "undone"
        items = did.items or [did]
        many = len(items) > 1
        undone = 0
        for item in items:
            problem = self._take_back(who, scan, item)
            if problem == "parent_locked" or (problem and problem != "nothing_to_undo" and not many):
                return problem
            undone += problem is None
        did.undone = undone > 0
        return "undone" if undone else "nothing_to_undo"

    def _take_back(self, who: str, scan: str, item: Did) -> str | None:
        """Take one effect back; why it cannot be, where it cannot."""
        bag = item.bag
        if bag is None or item.outcome not in UNDOABLE:
            return "nothing_to_undo"
        named = [one for one in (bag, item.origin, item.parent) if one]
        if any(one.gone for one in named):
            return "undo_superseded"
        if any(self.foreign(who, one) for one in named):
            return "bag_in_other_area"
        if item.outcome in ("created", "opened"):
            return None
        if (item.parent or bag).dispatched:
            return "parent_locked"
        if item.outcome in ("completed", "reopened"):
            if bag.done is not (item.outcome == "completed"):
                return "undo_superseded"
            bag.done = not bag.done
        elif item.outcome == "unlinked":
            if bag.parent:
                return "undo_superseded"
            self._link(bag, item.parent, item.was_made_by)
        else:
            if bag.parent is not item.parent or bag.made_by != scan:
                return "undo_superseded"
            if item.origin and item.origin.dispatched:
                return "parent_locked"
            self._link(bag, item.origin, item.was_made_by)
            bag.area = bag.area if item.origin else item.was_in
        return None


UNDOABLE = frozenset({"created", "opened", "linked", "moved", "unlinked", "completed", "reopened"})
