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

Format = Literal["QRCode", "DataMatrix", "Code128", "EAN13", "EAN8"]

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


def film(path: Path, scenes: Sequence[tuple[float, Sequence[Shown]]], seed: int = 1) -> Path:
    """Write a film of scenes, each so many seconds long, as Motion JPEG."""
    dice = random.Random(seed)
    with path.open("wb") as out:
        for seconds, labels in scenes:
            takes = []
            for _ in range(TAKES):
                picture = io.BytesIO()
                scene(labels, dice).convert("RGB").save(picture, "JPEG", quality=80)
                takes.append(picture.getvalue())
            for frame in range(round(seconds * FPS)):
                out.write(takes[frame // 4 % TAKES])
    return path


PACKING: Sequence[tuple[float, Sequence[Shown]]] = (
    (5, [Shown("PB770777")]),
    (1.5, []),
    (2, [Shown("SB770001", "DataMatrix", turned=28, blur=1.6, scale=10)]),
    (1.5, []),
    (2, [Shown("SB770002", "Code128", turned=-12, blur=1.2, scale=4)]),
    (1.5, []),
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
    (30, []),
)
"""A big bag alone, then small bags: a turned and blurred Data Matrix, a blurred Code 128, five at once."""

if __name__ == "__main__":
    print(film(Path(sys.argv[1]) / "packing.mjpeg", PACKING))
