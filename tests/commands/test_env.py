"""The words of `/env`: what they mean, and that only a sentence ever comes back."""

import re
from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.requests import EnvironmentRequest
from bot.errors import UserError
from commands import env
from commands._clicks import parse_click
from commands._grammar import take_apart
from tests.commands.test_grammar import CONTEXT


def read(text: str) -> EnvironmentRequest:
    return env.parse(take_apart(text), CONTEXT)


def read_or_refused(text: str) -> EnvironmentRequest | UserError:
    try:
        return read(text)
    except UserError as error:
        return error


def wish(name: str, **duration: float) -> EnvironmentRequest:
    more = timedelta(**duration) if duration else None
    return EnvironmentRequest(kind="extend", name=name, duration=more)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", EnvironmentRequest(kind="help")),
        ("help", EnvironmentRequest(kind="help")),
        ("list", EnvironmentRequest(kind="list")),
        ("List 3", EnvironmentRequest(kind="list", page=3)),
        ("list page2", EnvironmentRequest(kind="list", page=2)),
        ("list services", EnvironmentRequest(kind="services")),
        ("list Services 2", EnvironmentRequest(kind="services", page=2)),
        ("report", EnvironmentRequest(kind="report")),
        ("keep pr-1", EnvironmentRequest(kind="keep", name="pr-1")),
        ("extend pr-1", wish("pr-1")),
        ("extend *PR-1* 3d", wish("pr-1", days=3)),
        ("extend `pr-1` 12h", wish("pr-1", hours=12)),
        ("extend pr-1 3 Days", wish("pr-1", days=3)),
        ("extend pr-1 for 1 week", wish("pr-1", days=7)),
        ("extend pr-1 by 1d 12 hours", wish("pr-1", days=1, hours=12)),
        ("extend dev/pr-1 90m", wish("dev/pr-1", minutes=90)),
        ("extend pr-1 9999d", wish("pr-1", days=3650)),
        ("extend pr-1 2 hrs", wish("pr-1", hours=2)),
        ("extend gke_Proj-EU/PR-1 3d", wish("gke_Proj-EU/pr-1", days=3)),
    ],
)
def test_what_words_mean(text: str, meant: EnvironmentRequest) -> None:
    assert read(text) == meant


@pytest.mark.parametrize(
    ("text", "code", "sentence"),
    [
        ("create x", "not_built", "`/env create` isn't built yet. `/env help` lists what is."),
        ("destroy pr-1", "not_built", "`/env destroy` isn't built yet."),
        ("diff a b", "not_built", "`/env diff` isn't built yet."),
        ("extnd pr-1 3d", "not_understood", 'no verb "extnd" here. Did you mean extend?'),
        ("xyz", "not_understood", 'no verb "xyz" here. `/env help` lists them.'),
        ("extend", "not_understood", "Which environment? Say `/env extend NAME 3d`"),
        ("keep", "not_understood", "Which environment? Say `/env keep NAME`"),
        ("extend pr-1 soon", "not_understood", '"soon" is not a time such as 3d or 12h.'),
        ("extend pr-1 0d", "not_understood", '"0d" is too short: an hour is the least.'),
        ("extend pr-1 59 min", "not_understood", '"59 min" is too short: an hour is the least.'),
        ("extend pr-1 3 dogs", "not_understood", '"3 dogs" is not a time such as 3d or 12h.'),
        ("extend pr-1 5 wives", "not_understood", '"5 wives" is not a time'),
        ("extend pr-1 10s", "not_understood", '"10s" is not a time'),
        ("extend pr-1 \u0663d", "not_understood", "is not a time"),
        ("extend pr-1 999999999999d", "not_understood", "is not a time such as 3d or 12h."),
        ("extend pr-1 -3d", "not_understood", '"-3d" is not a time'),
        ("keep pr-1 3d", "not_understood", "too many words. Say `/env keep NAME`."),
        ("list 0", "not_understood", '"0" is not a page. Say `/env list 2`.'),
        ("list 1 2", "not_understood", "too many words. Say `/env list [PAGE]`."),
        ("list all", "not_understood", '"all" is not a page.'),
        ("report now", "not_understood", "too many words. Say `/env report`."),
    ],
)
def test_what_is_refused_in_words(text: str, code: str, sentence: str) -> None:
    with pytest.raises(UserError) as refused:
        read(text)
    assert str(refused.value.code) == code
    assert sentence in refused.value.sentence


@given(st.text(max_size=60))
def test_nothing_but_a_request_or_a_sentence_comes_back(text: str) -> None:
    with suppress(UserError):
        assert isinstance(read(text), EnvironmentRequest)


_TIMES = st.tuples(st.integers(0, 10**7), st.text("hrsoudaywekminlgv ,\u0661", max_size=8))
_WORDS = re.compile(r"(h|hrs?|hours?|d|days?|w|weeks?|m|mins?|minutes?)[ ,]*")


@given(_TIMES)
def test_a_unit_is_of_a_closed_list_or_refused_in_one_sentence(said: tuple[int, str]) -> None:
    number, unit = said
    found = read_or_refused(f"extend pr-1 {number}{unit}")
    if isinstance(found, UserError):
        assert str(found.code) == "not_understood"
        assert found.sentence.count(". ") == 0
        return
    assert _WORDS.fullmatch(unit.strip())
    assert found.duration is not None
    assert timedelta(hours=1) <= found.duration <= timedelta(days=3650)


def test_buttons_carry_the_name() -> None:
    assert parse_click("env:extend", "pr-1") == wish("pr-1")
    assert parse_click("env:keep", "dev/pr-1") == EnvironmentRequest(kind="keep", name="dev/pr-1")


@pytest.mark.parametrize(
    ("action", "value", "code"),
    [("env:destroy", "pr-1", "not_built"), ("env:paint", "pr-1", "not_understood"),
     ("env:extend", "", "not_understood")],
)  # fmt: skip
def test_buttons_that_do_nothing_say_so(action: str, value: str, code: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_click(action, value)
    assert str(refused.value.code) == code
