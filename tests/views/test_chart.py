"""Charts are pictures: valid, legible, and drawn whatever the values are."""

from collections import Counter
from datetime import datetime, timedelta
from io import BytesIO
from typing import cast

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageColor

from bot.domain.analysis import Move, Point
from bot.domain.catalog import Slot
from bot.domain.charts import Chart
from bot.domain.counters import Sample
from bot.views import charting
from bot.views.chart import BAD, HEIGHT, TONES, WIDTH, Line, Picture, draw, plain
from bot.views.ticks import figure, marks, times
from tests.virtual import START

Colour = tuple[int, int, int]
SLOTS: tuple[Slot, Slot] = ("green", "blue")
HOSTILE = (
    "",
    "x" * 5000,
    "a\nb\tc\x00\u202ed",
    "<@U0BEN> <!channel> &amp;",
    "Größe żółć 中文 🚀",
    "../../etc/passwd",
    "\u0301" * 300,
)


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def looks(*rows: tuple[float, float, float, float]) -> tuple[Point, ...]:
    return tuple(Point(after(45 + 15 * n), *row) for n, row in enumerate(rows))


BAD_ONE = looks(*[(300, 0, 2700, 3)] * 10, *[(300, 15, 2700, 2)] * 8)


def chart(course: tuple[Point, ...] = BAD_ONE, **changes: object) -> Chart:
    made = Chart(
        release="rel-7k3f",
        number=3,
        kind="failures",
        what="errors",
        service="orders",
        version="v2.1.0",
        previous="v2.0.5",
        new="green",
        live="blue",
        since=START,
        decided=after(45 + 15 * len(course)),
        moves=(Move(START, 10), Move(after(180), 50)),
        course=course,
        limit=0.01,
    )
    return made.model_copy(update=changes)


GUARD = chart((), kind="guard", what="saturation", query="q", limit=900.0, decided=after(600))


def samples(*values: float) -> tuple[Sample, ...]:
    return tuple(Sample(at=after(10 * n), value=value) for n, value in enumerate(values))


def colours(png: bytes) -> Counter[Colour]:
    """How many points of each colour a valid picture has."""
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    with Image.open(BytesIO(png)) as image:
        assert (image.format, image.size, image.mode) == ("PNG", (WIDTH, HEIGHT), "RGB")
        image.load()
        found = image.getcolors(WIDTH * HEIGHT) or []
    return Counter({cast("Colour", colour): count for count, colour in found})


def of(found: Counter[Colour], colour: str) -> int:
    return found[ImageColor.getrgb(colour)[:3]]


def drawn(given: Chart, *values: float) -> Counter[Colour]:
    return colours(draw(charting.picture(given, samples(*values))))


def test_both_slots_and_the_objective_are_in_the_picture() -> None:
    png = draw(charting.picture(chart()))
    found = colours(png)
    assert len(png) < 200_000
    assert of(found, "white") < WIDTH * HEIGHT * 0.9
    for slot in SLOTS:
        assert of(found, TONES[slot]) > 2000
    assert of(found, BAD) > 500


def test_the_same_values_give_the_same_picture() -> None:
    assert draw(charting.picture(chart())) == draw(charting.picture(chart()))


def test_the_old_slots_line_has_gaps_and_the_new_ones_has_none() -> None:
    flat = chart(looks(*[(300, 30, 2700, 270)] * 100), moves=())
    apart = [
        drawn(flat.model_copy(update={"new": new, "live": live}))
        for new, live in (SLOTS, SLOTS[::-1])
    ]
    whole, dashed = of(apart[0], TONES["green"]), of(apart[1], TONES["green"])
    assert dashed < whole * 0.8


@pytest.mark.parametrize(
    "course",
    [
        (),
        looks((300, 2, 2700, 3)),
        looks((300, 2, 2700, 3), (300, 2, 2700, 3)),
        looks(*[(0, 0, 2700, 3)] * 5),
        looks(*[(300, 2, 0, 0)] * 5),
        looks((300, 2, 0, 0), (0, 0, 100, 1), (300, 2, 0, 0)),
        looks(*[(0, 0, 0, 0)] * 3),
        looks(*[(5.0, 5.0, 5.0, 5.0)] * 3),
        looks(*[(1e18, 1e17, 1e18, 3)] * 300),
    ],
)
def test_few_looks_and_a_silent_slot_are_drawn_too(course: tuple[Point, ...]) -> None:
    for kind in ("failures", "traffic"):
        found = chart(course, kind=kind)
        drawn(found)
        said = charting.words(found)
        assert "nan" not in said
        assert len(said) < 400


def test_a_single_look_is_seen() -> None:
    assert of(drawn(chart(looks((300, 2, 2700, 3)), moves=())), TONES["green"]) > 150


def test_a_slot_without_requests_has_no_line_and_the_words_say_so() -> None:
    found = chart(looks(*[(0, 0, 2700, 270)] * 30))
    assert "Green 2.1.0: no requests; blue 2.0.5: 10 % of 81,000" in charting.words(found)
    picture = charting.picture(found)
    assert {value for _, value in picture.lines[0].points} == {None}


@pytest.mark.parametrize(
    "values",
    [
        (),
        (5.0,),
        (0.0, 0.0),
        (1e308, -1e308, 1e300),
        (1e-300, 2e-300),
        (-5.0, -900.0, 3.0),
        (float("nan"), float("inf"), 3.0),
        tuple(float(n) for n in range(3000)),
    ],
)
def test_a_guard_is_drawn_whatever_its_numbers_are(values: tuple[float, ...]) -> None:
    for limit in (900.0, 0.0, -3.0, 1e308):
        drawn(GUARD.model_copy(update={"limit": limit}), *values)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.floats(allow_nan=False), max_size=20),
    st.floats(allow_nan=False, allow_infinity=False),
    st.floats(0, 1e9),
)
@example([], 1.0000000000000002e308, 0.0)
@example([], 5e-324, 0.0)
@example([1e-310], -5e-324, 0.0)
def test_no_numbers_break_it(values: list[float], limit: float, seconds: float) -> None:
    given = GUARD.model_copy(update={"limit": limit, "decided": after(seconds)})
    drawn(given, *values)
    charting.words(given, samples(*values))


@pytest.mark.parametrize("name", HOSTILE)
def test_names_of_any_kind_break_neither_picture_nor_words_nor_file(name: str) -> None:
    given = chart(what=name, service=name, version=name, previous=name)
    drawn(given)
    drawn(GUARD.model_copy(update={"what": name}), 3.0)
    assert "<" not in charting.words(given)
    file = charting.file_name(given)
    assert file.isascii()
    assert len(file) < 80
    assert file.startswith("rel-7k3f-")
    assert file.endswith("-3.png")
    assert set(file) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")


def test_a_chart_of_years_and_many_moves_is_drawn() -> None:
    moves = tuple(Move(after(60 * n), n) for n in range(1, 100))
    drawn(chart(moves=moves, decided=after(1e8)))
    drawn(chart(decided=after(-1e6)))


def test_the_words_say_what_the_picture_shows() -> None:
    assert charting.words(chart()) == (
        "Errors over 5 min 15 s. Green 2.1.0: 2.2 % of 5,400 requests failed, 5 % at the last look; "
        "blue 2.0.5: 0.095 % of 48,600 requests failed, 0.074 % at the last look. "
        "The objective allows 1 %."
    )
    thin = chart(looks((300, 0, 2700, 0), (20, 0, 2700, 0)), kind="traffic", limit=0.1)
    assert charting.words(thin) == (
        "Requests over 1 min 15 s: green got 0.74 % of them at the last look; 10 % were promised."
    )
    assert charting.words(GUARD, samples(600, 950)) == (
        "Saturation over 10 min: between 600 and 950, last 950. Its limit: not above 900."
    )
    assert "no data" in charting.words(GUARD)


def test_the_title_and_the_file_say_which_release_it_was() -> None:
    assert charting.picture(chart()).title == "orders 2.0.5 -> 2.1.0 · errors"
    assert charting.file_name(chart()) == "rel-7k3f-errors-3.png"
    assert charting.picture(chart(previous=None)).title == "orders unknown -> 2.1.0 · errors"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (0, "0"),
        (0.00012, "0.00012"),
        (5.25, "5.25"),
        (99.96, "100"),
        (999.6, "1k"),
        (1090, "1.09k"),
        (-2.5e9, "-2.5G"),
        (3e15, "3e+15"),
        (float("inf"), "inf"),
    ],
)
def test_figures_are_short(value: float, written: str) -> None:
    assert figure(value) == written


def test_marks_are_round_and_few() -> None:
    assert marks(0, 6.7) == [0, 2, 4, 6]
    assert marks(-0.03, 0.03) == pytest.approx([-0.02, 0, 0.02])
    for seconds in (1, 50, 500, 5000, 1e5, 1e7, 1e9):
        assert 1 <= len(times(START, after(seconds))) <= 7


def test_what_the_font_lacks_becomes_something_that_it_has() -> None:
    assert plain("Größe · 5 µs") == "Gro?e · 5 ?s"
    assert plain("délai") == "delai"
    assert plain("中\n🚀") == "? ?"


def test_a_line_with_gaps_only_is_no_fault() -> None:
    line = Line(label="x", tone="only", points=((START, None), (after(5), None)))
    found = Picture(title="t", axis="a", since=START, decided=START, lines=(line,))
    colours(draw(found))
