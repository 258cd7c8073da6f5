"""Names that tests give to people of the one site that a test process serves."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

NAMED = re.compile(r"""(?:\.dispatcher\(|\b(?:biller|add|worker)\(served,)\s*"([^"]+)\"""")


def test_no_two_tests_add_a_person_of_one_name() -> None:
    """The second would be answered 409, in whichever process happens to run both."""
    users: dict[str, list[str]] = defaultdict(list)
    for module in sorted(Path(__file__).parent.glob("test_*.py")):
        for name in NAMED.findall(module.read_text("utf-8")):
            users[name.lower()].append(module.name)
    assert len(users) > 80
    assert {name: modules for name, modules in users.items() if len(modules) > 1} == {}
