"""Keys as real scanners press them, by the browser's own input protocol: key, code and modifiers of each.

A scanner presses the keys of a US keyboard; which characters they give is up to the keyboard language of the
computer (``FRENCH``, ``INSCRIPT``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from playwright.async_api import CDPSession, Page

KEY_SECONDS = 0.006
"""From key to key."""

APART_SECONDS = 0.06
"""No scanner reads two labels sooner after one another; what follows sooner belongs to the same label."""

ALT, CTRL, SHIFT = 1, 2, 8
"""Bits of ``modifiers``."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key: what it gives, which it is, and what is held with it."""

    key: str
    code: str
    modifiers: int = 0
    text: str | None = None
    """The character that reaches a field; none where an input method or a control key takes it."""
    location: int = 0
    number: int = 0
    """Windows' number of the key."""


_SIGNS: Final = {
    "-": ("Minus", 0), "_": ("Minus", SHIFT), "=": ("Equal", 0), "+": ("Equal", SHIFT),
    "[": ("BracketLeft", 0), "{": ("BracketLeft", SHIFT),
    "]": ("BracketRight", 0), "}": ("BracketRight", SHIFT),
    "\\": ("Backslash", 0), "|": ("Backslash", SHIFT), ";": ("Semicolon", 0), ":": ("Semicolon", SHIFT),
    "'": ("Quote", 0), '"': ("Quote", SHIFT), "`": ("Backquote", 0), "~": ("Backquote", SHIFT),
    ",": ("Comma", 0), "<": ("Comma", SHIFT), ".": ("Period", 0), ">": ("Period", SHIFT),
    "/": ("Slash", 0), "?": ("Slash", SHIFT), " ": ("Space", 0),
    **{sign: (f"Digit{digit}", SHIFT) for digit, sign in enumerate(")!@#$%^&*(")},
    **{str(digit): (f"Digit{digit}", 0) for digit in range(10)},
}  # fmt: skip

ENTER: Final = Key("Enter", "Enter", text="\r", number=13)
TAB: Final = Key("Tab", "Tab", number=9)
LINE_FEED: Final = Key("j", "KeyJ", CTRL, number=74)
"""How scanners send a line feed that are set to control keys."""
GROUP_SEPARATOR: Final = Key("]", "BracketRight", CTRL, number=221)
F8: Final = Key("F8", "F8", number=119)

FRENCH: Final = dict(zip("1234567890AaQqZzWwMm-_/.:", "&é\"'(-è_çàQqAaWwZz?,)°!:M", strict=True))
"""What the keys of these US characters give on a French keyboard."""
GERMAN: Final = {"Y": "Z", "y": "z", "Z": "Y", "z": "y", "-": "ß"}
INSCRIPT: Final = {"S": "ए", "B": "ऴ", "s": "े", "b": "व"}

_MOVES: Final = (
    "Insert",
    "End",
    "ArrowDown",
    "PageDown",
    "ArrowLeft",
    "Clear",
    "ArrowRight",
    "Home",
    "ArrowUp",
    "PageUp",
)


def keys(text: str, language: Mapping[str, str] | None = None) -> list[Key]:
    """The keys of a text; line feeds are Enter, tabs Tab, group separators Ctrl+]."""
    return [_key(letter, language or {}) for letter in text]


def _key(letter: str, language: Mapping[str, str]) -> Key:
    named = {"\n": ENTER, "\r": ENTER, "\t": TAB, "\x1d": GROUP_SEPARATOR}.get(letter)
    if named is not None:
        return named
    gives = language.get(letter, letter)
    if letter.isascii() and letter.isalpha():
        shift = SHIFT if letter.isupper() else 0
        return Key(gives, f"Key{letter.upper()}", shift, gives, number=ord(letter.upper()))
    code, shift = _SIGNS[letter]
    return Key(gives, code, shift, gives, number=ord(code[-1]) if code.startswith("Digit") else 0)


def keypad(digits: str, *, num_lock: bool) -> list[Key]:
    """Digits on the keypad; without Num Lock they move the caret."""
    return [
        Key(digit, f"Numpad{digit}", text=digit, location=3, number=96 + int(digit))
        if num_lock
        else Key(_MOVES[int(digit)], f"Numpad{digit}", location=3)
        for digit in digits
    ]


def caps_locked(pressed: Sequence[Key]) -> list[Key]:
    """The same keys with Caps Lock on."""
    return [replace(one, key=one.key.swapcase(), text=one.text and one.text.swapcase()) for one in pressed]


Event = tuple[float, dict[str, Any]]
"""Seconds from key to key before it, and what ``Input.dispatchKeyEvent`` takes."""


def _pressed(pressed: Sequence[Key], seconds: float) -> list[Event]:
    """Each key goes down, and up half the time to the next one later."""
    events: list[Event] = []
    for one in pressed:
        event: dict[str, Any] = {
            "key": one.key,
            "code": one.code,
            "modifiers": one.modifiers,
            "location": one.location,
            "isKeypad": one.location == 3,
            "windowsVirtualKeyCode": one.number,
        }
        down = {**event, "type": "rawKeyDown" if one.text is None else "keyDown"}
        if one.text is not None:
            down |= {"text": one.text, "unmodifiedText": one.text}
        events += [(seconds / 2, down), (seconds / 2, {**event, "type": "keyUp"})]
    return events


def _by_number(letter: str) -> list[Event]:
    """A character typed by its number with Alt held: the browser gets the character alone."""
    digits = [Key(digit, f"Numpad{digit}", ALT, location=3) for digit in str(ord(letter))]
    return [*_pressed(digits, 0.001), (0.001, {"type": "char", "text": letter})]


@dataclass
class Keyboard:
    """The keyboard of one page, as the browser gets it from the system."""

    cdp: CDPSession
    last: float = 0.0
    """When the last key was pressed, by the clock that the browser gets its times of."""

    @classmethod
    async def of(cls, page: Page) -> Keyboard:
        """The keyboard of this page."""
        return cls(await page.context.new_cdp_session(page))

    async def _send(self, events: Sequence[Event], until: float | None = None) -> None:
        """Send events at once, with times that are exact however busy this machine is."""
        when = max((until or time.time()) - sum(seconds for seconds, _ in events), self.last)
        sent = []
        for seconds, event in events:
            when += seconds
            sent.append(self.cdp.send("Input.dispatchKeyEvent", {**event, "timestamp": when}))
        self.last = when
        await asyncio.gather(*sent)

    async def press(self, pressed: Sequence[Key], *, seconds: float = KEY_SECONDS) -> None:
        """Press keys one after another."""
        await self._send(_pressed(pressed, seconds))

    async def _next(self, events: Sequence[Event]) -> None:
        """Send the keys of another label, after the pause that every scanner makes."""
        ready = self.last + APART_SECONDS + sum(seconds for seconds, _ in events)
        await asyncio.sleep(max(0.0, ready - time.time()))
        await self._send(events)

    async def scan(self, pressed: Sequence[Key]) -> None:
        """Press the keys of another label."""
        await self._next(_pressed(pressed, KEY_SECONDS))

    async def scan_together(self, *labels: Sequence[Key]) -> None:
        """Press the keys of several labels, which a busy page handles one after another without a pause."""
        events: list[Event] = []
        for label in labels:
            (_, first), *rest = _pressed(label, KEY_SECONDS)
            events += [(APART_SECONDS, first), *rest]
        # No key may be older than the page.
        await asyncio.sleep(sum(seconds for seconds, _ in events))
        await self._send(events)

    async def type(self, text: str) -> None:
        """Type another label as a scanner does that sends by its number what has no key."""
        if len(text) > 100 and not text.isascii():
            # So many digits take a busy machine longer than a scanner; a phone sends the whole text.
            await self._next([])
            await self.cdp.send("Input.insertText", {"text": text.removesuffix("\n")})
            self.last = time.time()
            await self.press([ENTER])
            return
        events: list[Event] = []
        for letter in text:
            if letter in _SIGNS or letter in "\n\r\t\x1d" or (letter.isascii() and letter.isalpha()):
                events += _pressed([_key(letter, {})], KEY_SECONDS)
            else:
                events += _by_number(letter)
        await self._next(events)

    async def alt_codes(self, text: str, *, handled_seconds: float = 0.0) -> None:
        """Type each character by its number; a busy page handles each so long after the one before."""
        when = time.time()
        for letter in text:
            events = _by_number(letter)
            when += sum(seconds for seconds, _ in events)
            await self._send(events, until=when)
            await asyncio.sleep(handled_seconds)

    async def compose(self, pressed: Sequence[Key], language: Mapping[str, str]) -> None:
        """Press keys that an input method takes, which shows what it makes of them."""
        shown = ""
        for one in pressed:
            await self.press([replace(one, key="Process", text=None, number=229)])
            if one is ENTER:
                await self.cdp.send("Input.insertText", {"text": shown})
            else:
                shown += language.get(one.key, one.key)
                await self.cdp.send(
                    "Input.imeSetComposition",
                    {"text": shown, "selectionStart": len(shown), "selectionEnd": len(shown)},
                )
