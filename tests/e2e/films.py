"""Films for a fake camera: labels as a worker would show them, turned, blurred and several at once.

``python tests/e2e/films.py FOLDER`` writes one to look at.
"""

from __future__ import annotations

import io
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import zxingcpp
from PIL import Image, ImageDraw, ImageFilter

Format = Literal["QRCode", "DataMatrix", "Code128", "EAN13", "EAN8", "Code39", "ITF", "PDF417", "Aztec"]

SIZE = (1280, 720)
FPS = 30
"""Chromium plays an MJPEG file at this rate, again and again."""

GROUND = 150
"""Grey of the table."""
HAND_PX = 3
NOISE = 8
TAKES = 4
"""Pictures of one scene: hand and sensor are never still."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A label before the camera: its middle in px, turned by degrees, out of focus by px."""

    text: str
    format: Format = "QRCode"
    at: tuple[int, int] = (640, 360)
    turned: float = 0
    blur: float = 0
    scale: int = 8
    torn: float = 0
    """So much of its middle is gone, from 0 to 1."""


def label(text: str, format_: Format, scale: int) -> Image.Image:
    """A printed label: white paper, the code, room around it."""
    code = zxingcpp.create_barcode(text, getattr(zxingcpp.BarcodeFormat, format_))
    pixels = memoryview(code.to_image(scale=scale, add_quiet_zones=True))
    height, width = pixels.shape
    picture = Image.frombytes("L", (width, height), bytes(pixels))
    paper = Image.new("L", (width + 4 * scale, height + 4 * scale), 235)
    paper.paste(picture.point(lambda grey: 30 if grey < 128 else 235), (2 * scale, 2 * scale))
    return paper


def scene(labels: Sequence[Shown], dice: random.Random) -> Image.Image:
    """What the camera sees: the labels on the table, the hand a little elsewhere each time."""
    table = Image.new("L", SIZE, GROUND)
    ImageDraw.Draw(table).rectangle((0, 600, 1280, 720), fill=GROUND - 30)
    for one in labels:
        paper = label(one.text, one.format, one.scale)
        if one.torn:
            width, height = (round(side * one.torn / 2) for side in paper.size)
            x, y = paper.width // 2, paper.height // 2
            ImageDraw.Draw(paper).rectangle((x - width, y - height, x + width, y + height), fill=200)
        turned = paper.rotate(one.turned, Image.Resampling.BICUBIC, expand=True)
        mask = Image.new("L", paper.size, 255).rotate(one.turned, expand=True)
        x, y = (
            middle - side // 2 + dice.randint(-HAND_PX, HAND_PX)
            for middle, side in zip(one.at, turned.size, strict=True)
        )
        table.paste(turned, (x, y), mask)
        if one.blur:
            box = (max(0, x), max(0, y), min(SIZE[0], x + turned.width), min(SIZE[1], y + turned.height))
            table.paste(table.crop(box).filter(ImageFilter.GaussianBlur(one.blur)), box)
    noise = Image.effect_noise(SIZE, NOISE)
    return Image.blend(table, noise, 0.08)


BLACK = Shown("", scale=0)
"""No light at all."""


def film(path: Path, scenes: Sequence[tuple[float, Sequence[Shown]]], seed: int = 1) -> Path:
    """Write a film of scenes, each so many seconds long, as Motion JPEG."""
    dice = random.Random(seed)
    with path.open("wb") as out:
        for seconds, labels in scenes:
            takes = []
            for _ in range(TAKES):
                picture = io.BytesIO()
                seen = Image.new("L", SIZE, 4) if BLACK in labels else scene(labels, dice)
                seen.convert("RGB").save(picture, "JPEG", quality=80)
                takes.append(picture.getvalue())
            for frame in range(round(seconds * FPS)):
                out.write(takes[frame // 4 % TAKES])
    return path


PACKING: Sequence[tuple[float, Sequence[Shown]]] = (
    (3, [Shown("PB-770777")]),
    (0.5, []),
    (1.5, [Shown("SB770001", "DataMatrix", turned=28, blur=1.6, scale=10)]),
    (0.5, []),
    (1.5, [Shown("SB770002", "Code128", turned=-12, blur=1.2, scale=4)]),
    (0.5, []),
    (
        3,
        [
            Shown("SB770003", "QRCode", (200, 180), turned=45, scale=6),
            Shown("SB770004", "DataMatrix", (560, 170), turned=-20, scale=7),
            Shown("SB770005", "Code128", (960, 180), turned=6, scale=3),
            Shown("4006381333931", "EAN13", (300, 480), turned=3, scale=3),
            Shown("SB770006", "QRCode", (820, 470), turned=190, blur=1.2, scale=6),
        ],
    ),
    (6, []),
)
"""A big bag alone, then small bags: a turned and blurred Data Matrix, a blurred Code 128, four at once beside
a product's bars."""


def random_labels(dice: random.Random, scenes: int) -> list[tuple[float, list[Shown]]]:
    """Scenes of 1.5 s: bars at 3 to 5 px, QR and Data Matrix, turned, blurred, up to three in view."""
    return [(1.5, _in_view(dice)) for _ in range(scenes)]


def _in_view(dice: random.Random) -> list[Shown]:
    places = dice.sample([(230, 190), (640, 190), (1050, 190), (230, 520), (640, 520), (1050, 520)], 3)
    # Codes of one shape: of several, none is taken.
    retail = dice.random() < 0.4
    return [_random_label(dice, place, retail=retail) for place in places[: dice.randint(1, 3)]]


def _random_label(dice: random.Random, at: tuple[int, int], *, retail: bool) -> Shown:
    format_: Format = "EAN13" if retail else dice.choice(["Code128", "QRCode", "DataMatrix"])
    text = _ean_13(dice) if retail else f"RL{dice.randrange(10**6):06}"
    bars = format_ in ("EAN13", "Code128")
    return Shown(
        text,
        format_,
        at,
        turned=dice.uniform(-15, 15) if bars else dice.uniform(0, 360),
        blur=dice.choice([0, 0.6, 1.2]),
        scale=dice.choice([3, 4] if at[0] != 640 else [3, 4, 5]) if bars else dice.randint(5, 8),
    )


def _ean_13(dice: random.Random) -> str:
    digits = f"{dice.randrange(10**11, 10**12)}"
    odd, even = (sum(map(int, digits[start::2])) for start in (0, 1))
    return digits + str(-(odd + 3 * even) % 10)


if __name__ == "__main__":
    print(film(Path(sys.argv[1]) / "packing.mjpeg", PACKING))
