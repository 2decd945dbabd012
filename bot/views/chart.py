"""Draws a chart of a metric as a PNG: values in, bytes out. Pure; takes some tenths of a second.

Called by `engine.charts` in a thread. Drawn twice as large and made smaller at the end, which is
what smooths its lines. The font comes with Pillow, so that it draws where no font is installed.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from io import BytesIO
from itertools import pairwise
from math import hypot, isfinite
from typing import Literal
from unicodedata import normalize

from PIL import Image, ImageDraw, ImageFont

from bot.domain.value import Value
from bot.views.ticks import figure, marks, times, wide

WIDTH, HEIGHT = 1200, 600
FINE = 2
"""How much larger it is drawn than it becomes."""

LEFT, RIGHT, TOP, BOTTOM = 138, 1176, 168, 532
"""The plot's edges."""

BIG, MIDDLE, SMALL = 46, 38, 31
"""Sizes of letters: on a phone the picture is a third as wide."""

Tone = Literal["green", "blue", "only"]
INK, PALE, BAD, WARM = "#1f2328", "#c9ced4", "#d55e00", "#fdeee4"
TONES: dict[Tone, str] = {"green": "#00a06e", "blue": "#0b3c8c", "only": "#1f2328"}
"""A slot's line has the colour of its name. The two differ in lightness as much as in colour, so
that they are told apart by everybody, and on paper."""

DASHES = (26.0, 16.0)
LIMIT_DASHES = (10.0, 10.0)
FEW = 60
"""Up to so many points each of a whole line has a dot."""

Point = tuple[float, float]
Points = tuple[tuple[datetime, float | None], ...]


class Line(Value):
    """One line. None is a moment without a value: a gap. `label` says its slot and its figure."""

    label: str
    tone: Tone
    dashed: bool = False
    """The old slot's line, so that one sees without colours which is which."""
    points: Points = ()


class Picture(Value):
    """All that is drawn. `unit` stands behind each figure of the axis, `axis` says of what."""

    title: str
    axis: str
    unit: str = ""
    lines: tuple[Line, ...] = ()
    limit: float | None = None
    limit_label: str = ""
    low: bool = False
    """Whether what is below the limit is bad."""
    moves: tuple[tuple[datetime, str], ...] = ()
    since: datetime
    decided: datetime


def draw(picture: Picture) -> bytes:
    """Draw it."""
    image = Image.new("RGB", (WIDTH * FINE, HEIGHT * FINE), "white")
    _Drawing(picture, ImageDraw.Draw(image)).all()
    out = BytesIO()
    image.reduce(FINE).save(out, "PNG", optimize=True)
    return out.getvalue()


def plain(text: str, most: int = 80) -> str:
    """Make text of what the font has: accents are left away, other letters become a ?."""
    known = (
        c if c.isascii() or c == "·" else "" if 0x300 <= ord(c) < 0x370 else "?"  # noqa: PLR2004 - accents
        for c in normalize("NFKD", text[: most * 4])
    )
    words = "".join(c if c.isprintable() else " " for c in "".join(known)).split()
    short = " ".join(words)
    return short if len(short) <= most else f"{short[: most - 3]}..."


class _Drawing:
    """One chart while it is drawn. All sizes are those of the finished picture."""

    def __init__(self, picture: Picture, pen: ImageDraw.ImageDraw) -> None:
        self._picture = picture
        self._pen = pen
        self._fonts = {s: ImageFont.load_default(s * FINE) for s in (BIG, MIDDLE, SMALL)}
        self._since, self._until = wide(picture.since, max(_moments(picture)))
        self._low, self._high = _bounds(picture)

    def all(self) -> None:
        """Draw everything, what matters most last."""
        self._shade()
        self._axes()
        self._moves()
        for line in reversed(self._picture.lines):
            self._line(line)
        self._limit()
        self._decision()
        self._head()

    # Where things are.

    def _x(self, at: datetime) -> float:
        return LEFT + (RIGHT - LEFT) * ((at - self._since) / (self._until - self._since))

    def _y(self, value: float) -> float:
        # Divided first: the difference of two huge numbers is more than a float holds.
        half_low, half_high = self._low / 2, self._high / 2
        within = min(max(value, self._low), self._high)
        return BOTTOM - (BOTTOM - TOP) * ((within / 2 - half_low) / (half_high - half_low))

    # What is behind.

    def _shade(self) -> None:
        """Tint the side of the limit on which nobody wants to be."""
        limit = self._picture.limit
        if limit is None:
            return
        edge = self._y(limit)
        top, bottom = (edge, BOTTOM) if self._picture.low else (TOP, edge)
        self._pen.rectangle(_fine((LEFT, top), (RIGHT, bottom)), fill=WARM)

    def _axes(self) -> None:
        for value in marks(self._low, self._high):
            y = self._y(value)
            self._stroke([(LEFT, y), (RIGHT, y)], PALE, 1.5)
            self._text((LEFT - 12, y), figure(value) + self._picture.unit, SMALL, anchor="rm")
        end = float(LEFT)
        for at, written in times(self._since, self._until):
            x = self._x(at)
            half = self._long(written, SMALL) / 2
            if x - half < end or x + half > WIDTH:
                continue
            self._stroke([(x, BOTTOM), (x, BOTTOM + 10)], INK, 2)
            self._text((x, BOTTOM + 18), written, SMALL, anchor="mt")
            end = x + half + 24
        self._text((LEFT - 12, BOTTOM + 18), "UTC", SMALL, anchor="rt")
        self._stroke([(LEFT, BOTTOM), (RIGHT, BOTTOM)], INK, 3)

    def _moves(self) -> None:
        """Mark when traffic moved; a label that would stand on another is left away."""
        end, until = (
            float(LEFT),
            self._x(self._picture.decided) - self._long(self._decided(), SMALL),
        )
        for at, written in self._picture.moves:
            x = self._x(at)
            if not LEFT <= x <= RIGHT:
                continue
            self._stroke([(x, TOP), (x, BOTTOM)], "#8b949e", 3)
            label = plain(written, 24)
            right = x + 8 + self._long(label, SMALL)
            if x + 8 >= end and right + 24 < until:
                self._text((x + 8, TOP + 4), label, SMALL, box=True)
                end = right + 16

    # What it is about.

    def _line(self, line: Line) -> None:
        colour, dots = TONES[line.tone], len(line.points) <= FEW and not line.dashed
        for run in _runs(line.points):
            spots = [(self._x(at), self._y(value)) for at, value in run]
            self._stroke(spots, colour, 7, DASHES if line.dashed else None)
            for x, y in spots if dots or len(spots) == 1 else ():
                self._dot(x, y, colour)

    def _limit(self) -> None:
        limit = self._picture.limit
        if limit is None:
            return
        y = self._y(limit)
        self._stroke([(LEFT, y), (RIGHT, y)], BAD, 4, LIMIT_DASHES)
        below = y - TOP < SMALL * 2.2
        place = (LEFT + 12, y + 6 if below else y - 6)
        anchor = "lt" if below else "lb"
        self._text(place, plain(self._picture.limit_label, 40), SMALL, BAD, anchor, box=True)

    def _decision(self) -> None:
        x = self._x(self._picture.decided)
        self._stroke([(x, TOP - 6), (x, BOTTOM)], INK, 5)
        self._text((x - 8, TOP + 4), self._decided(), SMALL, anchor="rt", box=True)

    def _decided(self) -> str:
        return f"decided {self._picture.decided:%H:%M}"

    def _head(self) -> None:
        """Write the title, and who is who with the figure that counts."""
        picture = self._picture
        self._text((24, 14), self._fitted(picture.title, BIG, WIDTH - 48), BIG, bold=True)
        x, room = 24.0, (WIDTH - 48) / max(1, len(picture.lines)) - 110
        for line in picture.lines:
            colour, y = TONES[line.tone], 96
            self._stroke([(x, y), (x + 74, y)], colour, 9, DASHES if line.dashed else None)
            label = self._fitted(line.label, MIDDLE, room)
            self._text((x + 88, y), label, MIDDLE, colour, "lm", bold=True)
            x += 88 + self._long(label, MIDDLE) + 44
        self._text((24, TOP - 14), plain(picture.axis, 50), SMALL, "#57606a", "lb")

    # Tools.

    def _fitted(self, text: str, size: int, room: float) -> str:
        """Cut a text to what there is room for."""
        short = plain(text, 120)
        while len(short) > 1 and self._long(short, size) > room:
            short = f"{short.removesuffix('...')[:-1]}..." if len(short) > 4 else short[:-1]  # noqa: PLR2004 - dots
        return short

    def _long(self, text: str, size: int) -> float:
        return self._fonts[size].getlength(text) / FINE

    def _text(  # noqa: PLR0913 - how a text looks has these parts
        self,
        at: Point,
        text: str,
        size: int,
        colour: str = INK,
        anchor: str = "lt",
        *,
        box: bool = False,
        bold: bool = False,
    ) -> None:
        spot, font = (at[0] * FINE, at[1] * FINE), self._fonts[size]
        if box and text:
            left, top, right, bottom = self._pen.textbbox(spot, text, font, anchor)
            edge = 3 * FINE
            around = (left - edge, top - edge, right + edge, bottom + edge)
            self._pen.rectangle(around, fill="white")
        # The font has one weight: a thin edge of the same colour makes it bold.
        self._pen.text(spot, text, colour, font, anchor, stroke_width=FINE * 0.6 if bold else 0)

    def _dot(self, x: float, y: float, colour: str) -> None:
        r = 8
        self._pen.ellipse(_fine((x - r, y - r), (x + r, y + r)), fill=colour)

    def _stroke(
        self, spots: list[Point], colour: str, width: float, dashes: Point | None = None
    ) -> None:
        for part in _dashed(spots, dashes) if dashes else [spots]:
            thick = round(width * FINE)
            self._pen.line(_fine(*part), fill=colour, width=thick, joint="curve")


def _fine(*spots: Point) -> list[Point]:
    return [(x * FINE, y * FINE) for x, y in spots]


def _dashed(spots: list[Point], dashes: Point) -> Iterator[list[Point]]:
    """Cut a line into dashes; the pattern goes on round its corners."""
    walked, whole = 0.0, sum(dashes)
    for (x0, y0), (x1, y1) in pairwise(spots):
        length = hypot(x1 - x0, y1 - y0)
        begin = -(walked % whole)
        while begin < length:
            start, end = max(begin, 0.0) / (length or 1), min(begin + dashes[0], length)
            if end > start * length:
                end /= length
                yield [
                    (x0 + (x1 - x0) * start, y0 + (y1 - y0) * start),
                    (x0 + (x1 - x0) * end, y0 + (y1 - y0) * end),
                ]
            begin += whole
        walked += length


def _runs(points: Points) -> Iterator[list[tuple[datetime, float]]]:
    """Split a line at its gaps."""
    run: list[tuple[datetime, float]] = []
    for at, value in points:
        if value is not None and isfinite(value):
            run.append((at, value))
        elif run:
            yield run
            run = []
    if run:
        yield run


def _moments(picture: Picture) -> Iterable[datetime]:
    ends = [line.points[-1][0] for line in picture.lines if line.points]
    return [picture.since + timedelta(seconds=1), picture.decided, *ends]


_LEAST = 1e-300
"""A range that counts as none: half of it may be less than a float holds."""


def _bounds(picture: Picture) -> tuple[float, float]:
    """Give the axis' ends: nothing at the bottom, unless something is below it; room at the top."""
    shown = [v for line in picture.lines for run in _runs(line.points) for _, v in run]
    if picture.limit is not None and isfinite(picture.limit):
        shown.append(picture.limit)
    low, high = min([0.0, *shown]), max([0.0, *shown])
    if high - low < _LEAST:
        return low, low + 1.0
    # Kept apart from the ends of what a float holds.
    return max(low * 1.05, -1e308), min(high + (high / 4 - low / 4), 1e308)
