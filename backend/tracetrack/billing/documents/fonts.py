"""What the fonts of our documents can show, and how wide it is: read from the font files themselves.

Tables of OpenType (ISO/IEC 14496-22): ``cmap`` formats 4 and 12, ``hmtx``, ``head``, ``hhea``.
"""

from __future__ import annotations

import struct
import unicodedata
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "fonts"

FAMILIES = (
    "Noto Sans",
    "Noto Sans Devanagari",
    *(f"Noto Sans {script}" for script in ("Bengali", "Gujarati", "Gurmukhi", "Kannada", "Malayalam")),
    *(f"Noto Sans {script}" for script in ("Oriya", "Tamil", "Telugu", "Arabic", "Thai")),
    "Noto Emoji",
)
"""In the order in which a character's font is looked for; ``templates/fonts.typ`` has the same."""

_KEPT = frozenset("\u200b\u200c\u200d\u200e\u200f\ufe0e\ufe0f\n\t ")
"""Characters that show nothing by themselves, or say how others are joined."""


@cache
def _advances() -> dict[int, float]:
    """Of every character that a font has: how far the pen moves, in parts of the font's size."""
    widths: dict[int, float] = {}
    for family in FAMILIES:
        path = FOLDER / f"{family.replace(' ', '')}-Regular.ttf"
        for char, width in _face(path.read_bytes()).items():
            widths.setdefault(char, width)
    return widths


def _face(font: bytes) -> dict[int, float]:
    count = struct.unpack_from(">H", font, 4)[0]
    tables = {}
    for at in range(count):
        tag, _, offset, _ = struct.unpack_from(">4sIII", font, 12 + 16 * at)
        tables[tag] = offset
    per_em: int = struct.unpack_from(">H", font, tables[b"head"] + 18)[0]
    measured = struct.unpack_from(">H", font, tables[b"hhea"] + 34)[0]

    def width(glyph: int) -> float:
        at = tables[b"hmtx"] + 4 * min(glyph, measured - 1)
        advance: int = struct.unpack_from(">H", font, at)[0]
        return advance / per_em

    return {char: width(glyph) for char, glyph in _characters(font, tables[b"cmap"]).items() if glyph}


def _characters(font: bytes, cmap: int) -> dict[int, int]:
    """The glyph of each character."""
    glyphs: dict[int, int] = {}
    for at in range(struct.unpack_from(">H", font, cmap + 2)[0]):
        platform, _, offset = struct.unpack_from(">HHI", font, cmap + 4 + 8 * at)
        start = cmap + offset
        kind = struct.unpack_from(">H", font, start)[0]
        if platform == 1:
            continue
        if kind == 12:
            for group in range(struct.unpack_from(">I", font, start + 12)[0]):
                first, last, glyph = struct.unpack_from(">III", font, start + 16 + 12 * group)
                glyphs.update(
                    zip(range(first, last + 1), range(glyph, glyph + last - first + 1), strict=True)
                )
        elif kind == 4:
            segments = struct.unpack_from(">H", font, start + 6)[0] // 2
            for segment in range(segments):
                place = start + 14 + 2 * segment
                last = struct.unpack_from(">H", font, place)[0]
                first = struct.unpack_from(">H", font, place + 2 + 2 * segments)[0]
                delta = struct.unpack_from(">H", font, place + 2 + 4 * segments)[0]
                here = place + 2 + 6 * segments
                shift = struct.unpack_from(">H", font, here)[0]
                for char in range(first, min(last, 0xFFFE) + 1):
                    glyph = char
                    if shift:
                        glyph = struct.unpack_from(">H", font, here + shift + 2 * (char - first))[0]
                    if glyph or not shift:
                        glyphs.setdefault(char, (glyph + delta) & 0xFFFF)
    return glyphs


def is_shown(char: str) -> bool:
    """Whether a font has this character."""
    return char in _KEPT or ord(char) in _advances()


def shown(text: str) -> str:
    """A text in which each character that no font has is written as its number: ``[U+4E2D]``."""
    if text.isascii():
        return text
    return "".join(
        char if is_shown(char) else f"[U+{ord(char):04X}]" for char in unicodedata.normalize("NFC", text)
    )


def width(text: str) -> float:
    """How wide a text is, in parts of the font's size; joined letters are narrower than this."""
    known = _advances()
    return sum(known.get(ord(char), 0.6) for char in text if char not in _KEPT or char == " ")


def pieces(text: str) -> list[str]:
    """A text where it may be broken: marks and what is joined stay with the letter before."""
    parts: list[str] = []
    for char in text:
        joined = parts and (unicodedata.category(char)[0] == "M" or char in _KEPT or _joins(parts[-1][-1]))
        if joined and char != " ":
            parts[-1] += char
        else:
            parts.append(char)
    return parts


def _joins(char: str) -> bool:
    return char == "\u200d" or "VIRAMA" in unicodedata.name(char, "")
