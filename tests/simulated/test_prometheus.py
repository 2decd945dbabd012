"""The simulated Prometheus: its language, what it scrapes, its knobs and the shapes it answers."""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from time import process_time
from typing import Any

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.simulated.prometheus import Load, Pod, SimulatedPrometheus
from integrations.simulated.prometheus.answers import written
from integrations.simulated.prometheus.evaluation import (
    Element,
    EvaluationError,
    Finder,
    Result,
    evaluate,
)
from integrations.simulated.prometheus.promql import parse
from integrations.simulated.prometheus.streams import Streams
from integrations.simulated.prometheus.syntax import PromqlError
from integrations.simulated.server import Fault
from tests.virtual import START, VirtualClock

SHOP = ("prod", "pay")
MINUTE = 60_000


@dataclass
class Shop:
    """Where the requests of `pay` go; a test moves them."""

    pods: list[Pod] = field(
        default_factory=lambda: [
            Pod("b1", "blue", "v1", 0.45),
            Pod("b2", "blue", "v1", 0.45),
            Pod("g1", "green", "v2", 0.1),
        ]
    )

    def __call__(self, namespace: str, service: str) -> list[Pod]:
        return self.pods if (namespace, service) == SHOP else []


@dataclass(frozen=True)
class Line:
    """A series with the samples that a test wants."""

    labels: Mapping[str, str]
    samples: list[tuple[int, float]]

    def between(self, after: int, until: int) -> list[tuple[int, float]]:
        return [(at, value) for at, value in self.samples if after < at <= until]

    def newest(self, after: int, until: int) -> float | None:
        found = self.between(after, until)
        return found[-1][1] if found else None


def line(name: str, *samples: tuple[int, float], **labels: str) -> Line:
    return Line({"__name__": name, **labels}, [(at * 1000, value) for at, value in samples])


def flat(name: str, value: float, **labels: str) -> Line:
    return line(name, (60, value), **labels)


def result(query: str, *lines: Line, at: int = 60) -> Result:
    return evaluate(parse(query), Finder(lines), at * 1000)


def values(query: str, *lines: Line, at: int = 60) -> dict[str, float]:
    """Values of a vector by their labels, written short."""
    found = result(query, *lines, at=at)
    assert isinstance(found, list)
    return {
        ",".join(f"{k}={v}" for k, v in sorted(one.labels.items())): one.value
        for one in found
        if isinstance(one, Element)
    }


REQUESTS = (
    flat("requests", 6, slot="blue", code="200"),
    flat("requests", 2, slot="blue", code="500"),
    flat("requests", 3, slot="green", code="200"),
    flat("requests", 1, slot="green", code="503"),
    flat("other", 9, slot="blue"),
)


@pytest.mark.parametrize(
    ("selector", "total"),
    [
        ("requests", 12),
        ('requests{slot="blue"}', 8),
        ('requests{slot!="blue",}', 4),
        ('requests{code=~"5.."}', 3),
        ('requests{code=~"5"}', None),
        ('requests{code!~"5.*"}', 9),
        ("{__name__='requests',slot='green'}", 4),
        ('{__name__=~"requests|other", slot="blue"}', 17),
        ("requests{code=~`5\\d+`}", 3),
        ('requests{code=~"5\\\\d+"}', 3),
        ('requests{pod=""}', 12),
        ("requests # and a comment", 12),
    ],
)
def test_selectors_pick_series(selector: str, total: float | None) -> None:
    query = selector if "#" in selector else f"sum({selector})"
    found = values(query, *REQUESTS)
    assert (sum(found.values()) if found else None) == total


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("sum by (slot) (requests)", {"slot=blue": 8, "slot=green": 4}),
        ("sum(requests) by (slot,)", {"slot=blue": 8, "slot=green": 4}),
        ("max(requests)", {"": 6}),
        ("avg(requests)", {"": 3}),
        ("count by (pod) (requests)", {"": 4}),
        ("count(nothing)", {}),
        ("sum(nothing) or vector(0)", {"": 0}),
        ('requests{slot="green"} * requests', {"code=200,slot=green": 9, "code=503,slot=green": 1}),
        ("sum(requests) or vector(0)", {"": 12}),
        ('requests{code="500"} / 4', {"code=500,slot=blue": 0.5}),
        ('4 - requests{code="500"}', {"code=500,slot=blue": 2}),
        ('-requests{code="500"}', {"code=500,slot=blue": -2}),
        (
            'sum by (slot) (requests{code=~"5.."}) / sum by (slot) (requests)',
            {"slot=blue": 0.25, "slot=green": 0.25},
        ),
        ("requests > 2 < 6", {"__name__=requests,code=200,slot=green": 3}),
        ("5 < requests", {"__name__=requests,code=200,slot=blue": 6}),
        ('requests{code="200"} == requests', {
            "__name__=requests,code=200,slot=blue": 6,
            "__name__=requests,code=200,slot=green": 3,
        }),
        ("vector(2 + 3 * 4 - -1)", {"": 15}),
        ("vector((1 + 2) * 3) != 9", {}),
        ("vector(10 - 2 - 3)", {"": 5}),
        ("vector(0x10 + 1e1 + .5)", {"": 26.5}),
        ("vector(1 / 0)", {"": math.inf}),
        ("vector(-1 / 0)", {"": -math.inf}),
        ("max(vector(NaN) or requests)", {"": 6}),
    ],
)  # fmt: skip
def test_expressions(query: str, wanted: dict[str, float]) -> None:
    assert values(query, *REQUESTS) == wanted


def test_scalars() -> None:
    assert result("1 + 2 * 3") == 7
    assert result("-(2)") == -2
    for query in ("NaN", "0 / 0", "vector(NaN)"):
        found = result(query)
        assert math.isnan(found if isinstance(found, float) else found[0].value)


STEADY = line("hits_total", *((second, 10.0 * second) for second in range(0, 121, 5)), pod="a")


def test_rate_and_increase_stretch_to_the_ends_of_the_window() -> None:
    # 12 samples in (60, 120], 550 between the first and the last, 5 s missing at the beginning.
    assert values("rate(hits_total[1m])", STEADY, at=120) == {"pod=a": pytest.approx(10)}
    assert values("increase(hits_total[60s])", STEADY, at=120) == {"pod=a": pytest.approx(600)}
    # Further than 1.1 distances from the end: half of one, not all of the 20 s.
    assert values("increase(hits_total[1m])", STEADY, at=140) == {"pod=a": pytest.approx(425)}


def test_rate_never_stretches_to_before_a_counter_was_zero() -> None:
    young = line("hits_total", (30, 1.0), (40, 11.0), (50, 21.0), (60, 31.0))
    assert values("increase(hits_total[1m])", young) == {"": pytest.approx(31)}


def test_rate_adds_a_restart_and_needs_two_samples() -> None:
    reset = line("hits_total", (10, 100.0), (20, 110.0), (30, 4.0), (40, 14.0))
    assert values("increase(hits_total[40s])", reset, at=40) == {"": pytest.approx(24 * 4 / 3)}
    assert values("rate(hits_total[5s])", STEADY, at=120) == {}


def test_a_window_is_open_on_its_left() -> None:
    [course] = result("hits_total[10s]", STEADY, at=60)  # type: ignore[misc]
    assert course.samples == [(55_000, 550.0), (60_000, 600.0)]
    [course] = result("hits_total[1m30s]", STEADY, at=120)  # type: ignore[misc]
    assert len(course.samples) == 18


def test_an_instant_selector_looks_back_five_minutes() -> None:
    assert values("requests", flat("requests", 1), at=60 + 299) != {}
    assert values("requests", flat("requests", 1), at=60 + 300) == {}


def bucket(le: str, value: float) -> Line:
    return flat("took_bucket", value, le=le)


@pytest.mark.parametrize(
    ("share", "wanted"),
    [
        ("0.5", 0.1),
        ("0.25", 0.05),
        ("0.7", 0.2),
        ("0.95", 0.3),
        ("1", 0.3),
        ("0", 0),
        ("-1", -math.inf),
        ("2", math.inf),
    ],
)
def test_quantiles_are_read_off_the_buckets(share: str, wanted: float) -> None:
    lines = [bucket("0.1", 50), bucket("0.3", 90), bucket("+Inf", 100)]
    found = values(f"histogram_quantile({share}, took_bucket)", *lines)
    assert found == {"": pytest.approx(wanted)}


@pytest.mark.parametrize(
    "lines",
    [
        (bucket("0.1", 50), bucket("0.3", 90)),
        (bucket("+Inf", 50),),
        (bucket("0.1", 0), bucket("+Inf", 0)),
        (bucket("0.1", math.nan), bucket("+Inf", math.nan)),
    ],
)
def test_quantiles_of_what_is_no_histogram_are_not_a_number(lines: tuple[Line, ...]) -> None:
    assert math.isnan(values("histogram_quantile(0.5, took_bucket)", *lines)[""])
    assert values("histogram_quantile(0.5, took)", flat("took", 1)) == {}
    below = (bucket("-1", 90), bucket("+Inf", 100))
    assert values("histogram_quantile(0.5, took_bucket)", *below) == {"": -1}


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("", "1:1: parse error: no expression found in input"),
        ("  # nothing", "no expression found"),
        ("sum(", "unexpected end of input, expected an expression"),
        ("requests requests", "1:10: parse error: unexpected word 'requests', expected the end"),
        ("a\n  ?", "2:3: parse error: unexpected character: '\\?'"),
        ("{}", "at least one non-empty matcher"),
        ('{a=~".*"}', "at least one non-empty matcher"),
        ('a{__name__="b"}', "must not be set twice"),
        ('a{b="c"', 'expected "}"'),
        ("a{b}", "expected a label matching operator"),
        ("a{b=c}", "expected a string"),
        ("a{1}", "expected a label"),
        ('a{b=~"("}', "invalid regular expression"),
        ('a{b=~"(?=x)"}', "invalid regular expression"),
        ('a{b="\\d"}', "unknown escape sequence"),
        ("a[5]", "expected a duration"),
        ("a[0s]", "duration must be greater than 0"),
        ("a[5s1m]", "not a valid duration"),
        ("a[9999999999999999s]", "not a valid duration"),
        ("a[5m:1m]", "unexpected word ':1m'"),
        ("a[5m][5m]", "expected the end"),
        ("sum(a)[5m]", "ranges only allowed for vector selectors"),
        ("(a)[5m]", "ranges only allowed for vector selectors"),
        ("a offset 5m", "unexpected word 'offset'"),
        ("a and b", "unexpected word 'and'"),
        ("a == bool b", "unexpected word 'bool'"),
        ("sum without (b) (a)", "unexpected word 'without'"),
        ("sum by (b c) (a)", 'expected "\\)"'),
        ("irate(a[5m])", 'unknown function with name "irate"'),
        ("rate(a)", "expected type range vector"),
        ("sum(a[5m])", "expected type instant vector"),
        ("histogram_quantile(a, a)", "expected type scalar"),
        ("vector(1, 2)", 'expected "\\)"'),
        ("a[5m] + 1", "must contain only scalar and instant vector"),
        ("-a[5m]", "unary expression only allowed"),
        ("1 or 2", "not allowed in binary scalar expression"),
        ("1 > 2", "must use BOOL modifier"),
        ("0x" + "f" * 400, "not a number that fits"),
        ("(" * 500, "nested too deeply"),
        ("sum(" * 500, "nested too deeply"),
        ("+".join("1" * 500), "the query is too long"),
    ],
)
def test_what_it_does_not_know_is_refused_with_a_sentence(query: str, sentence: str) -> None:
    with pytest.raises(PromqlError, match=sentence):
        parse(query)


def test_the_longest_and_deepest_query_can_be_computed() -> None:
    assert result("+".join("1" * 101)) == 101
    assert result("(" * 40 + "1" + ")" * 40) == 1
    assert result("-" * 1000 + "1") == 1


@pytest.mark.parametrize(
    "query", ["requests / on_both", "on_both / requests", '{__name__=~"requests|on_both"} * 2']
)
def test_what_can_not_be_matched_is_an_error(query: str) -> None:
    lines = (flat("requests", 1), flat("on_both", 1), flat("requests", 2))
    with pytest.raises(EvaluationError, match=r"many-to-many|same labelset"):
        result(query, *lines)


WORDS = ["sum", "by", "rate", "a", "(", ")", "{", "}", "[5m]", "[", "]", '"x"', "=", "=~", "1",
         "+", "-", "/", "or", ",", "vector", "histogram_quantile", ">", " ", '"(?P<a"', "1m", "#",
         '"[[a]"', "\n"]  # fmt: skip


@given(st.text() | st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join))
def test_the_parser_raises_nothing_but_its_own_error(text: str) -> None:
    with suppress(PromqlError, EvaluationError):
        evaluate(parse(text), Finder(REQUESTS), MINUTE)


def test_values_are_written_as_prometheus_writes_them() -> None:
    found = [written(v) for v in (1.0, 1.5, 0.1, 1e21, 1e-7, -0.0, 1200.0)]
    assert found == ["1", "1.5", "0.1", "1" + "0" * 21, "0.0000001", "-0", "1200"]
    assert [written(v) for v in (math.nan, math.inf, -math.inf)] == ["NaN", "+Inf", "-Inf"]


# What it scrapes.


@dataclass
class Kit:
    """Streams on a clock that a test moves."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    shop: Shop = field(default_factory=Shop)
    streams: Streams = field(init=False)

    def __post_init__(self) -> None:
        self.streams = Streams(self.clock.now, self.shop, seed=7)
        self.streams.serves(*SHOP, Load(rate=200, failing=0.01))

    def on(self, **time: float) -> "Kit":
        """Let time go by."""
        self.clock.moment += timedelta(**time)
        return self

    def ask(self, query: str) -> dict[str, float]:
        self.streams.catch_up()
        at = round(self.clock.now().timestamp() * 1000)
        found = evaluate(parse(query), Finder(self.streams.series()), at)
        assert isinstance(found, list)
        elements = [one for one in found if isinstance(one, Element)]
        return {",".join(one.labels.values()): one.value for one in elements}

    def samples(self, selector: str) -> list[list[tuple[int, float]]]:
        self.streams.catch_up()
        at = round(self.clock.now().timestamp() * 1000)
        found = evaluate(parse(selector), Finder(self.streams.series()), at)
        return [course.samples for course in found]  # type: ignore[union-attr]


FAILED = (
    'sum by (slot) (increase(http_requests_total{code="500"}[5m]))'
    " / sum by (slot) (increase(http_requests_total[5m]))"
)
P95 = "histogram_quantile(0.95, sum by (slot, le) (rate(http_request_duration_seconds_bucket[5m])))"


def test_traffic_goes_where_the_shares_say() -> None:
    kit = Kit().on(minutes=10)
    found = kit.ask("sum by (slot) (rate(http_requests_total[5m]))")
    assert found == {"blue": pytest.approx(180, rel=0.05), "green": pytest.approx(20, rel=0.1)}
    assert kit.ask(FAILED)["blue"] == pytest.approx(0.01, rel=0.3)
    assert 0.1 < kit.ask(P95)["blue"] < 0.3
    count = kit.ask("sum(http_request_duration_seconds_count)")[""]
    assert count == kit.ask("sum(http_requests_total)")[""]
    assert count == kit.ask('sum(http_request_duration_seconds_bucket{le="+Inf"})')[""]
    mean = kit.ask("sum(http_request_duration_seconds_sum)")[""] / count
    assert mean == pytest.approx(0.06 * math.exp(0.18), rel=0.01)
    assert kit.ask("max(process_open_connections)")[""] > 4


def test_each_pod_has_its_own_moments_and_five_seconds_between_them() -> None:
    courses = Kit().on(minutes=1).samples("process_open_connections[1m]")
    assert [len(samples) for samples in courses] == [12, 12, 12]
    distances = {b - a for s in courses for (a, _), (b, _) in pairwise(s)}
    assert distances == {5000}
    assert len({samples[0][0] for samples in courses}) == 3


def test_it_is_the_same_however_often_one_looks() -> None:
    often, once = Kit(), Kit().on(minutes=10)
    for _ in range(600):
        often.on(seconds=1).streams.catch_up()
    assert often.samples("http_requests_total[10m]") == once.samples("http_requests_total[10m]")


def test_traffic_that_moves_counts_from_the_moment_on_that_was_caught_up() -> None:
    kit = Kit().on(minutes=10)
    kit.streams.catch_up()
    kit.shop.pods = [Pod("b1", "blue", "v1", 0), Pod("g1", "green", "v2", 1.0)]
    kit.on(minutes=10)
    found = kit.ask("sum by (pod) (rate(http_requests_total[5m]))")
    assert found == {"b1": 0, "g1": pytest.approx(200, rel=0.05)}


def test_a_pod_that_goes_leaves_its_samples_and_a_new_one_begins_at_zero() -> None:
    kit = Kit().on(minutes=10)
    kit.streams.catch_up()
    kit.shop.pods = [Pod("b3", "blue", "v1", 0.9), Pod("g1", "green", "v2", 0.1)]
    kit.on(seconds=30)
    # Its series are stale at once, its samples are still there.
    assert set(kit.ask("count by (pod) (process_open_connections)")) == {"b3", "g1"}
    raw = kit.samples('http_requests_total{pod="b1",code="200"}[10m]')
    assert len(raw[0]) == 10 * 12 - 6
    [new] = kit.samples('http_requests_total{pod="b3",code="200"}[10m]')
    assert new[0][1] <= 180 * 5 * 1.2
    # It comes back under the same name, at 0; and nothing is kept for ever.
    kit.shop.pods = [Pod("b1", "blue", "v1", 1.0)]
    kit.on(seconds=20)
    [back] = kit.samples('http_requests_total{pod="b1",code="200"}[15s]')
    assert back[0][1] < 200 * 21
    kit.shop.pods = []
    assert not list(kit.on(hours=1).on(hours=4).samples("process_open_connections[5h]"))
    kit.on(seconds=1).streams.catch_up()
    assert not list(kit.streams.series())


def test_a_jump_of_days_is_cheap_and_keeps_three_hours() -> None:
    kit = Kit().on(minutes=1)
    kit.streams.catch_up()
    began = process_time()
    kit.on(days=30)
    total = kit.ask("sum(http_requests_total)")[""]
    assert process_time() - began < 2
    assert total == pytest.approx(200 * 30 * 86_400, rel=0.01)
    [samples] = kit.samples('http_requests_total{pod="b1",code="200"}[1d]')
    assert len(samples) == pytest.approx(3 * 720, abs=1)


def test_a_past_is_there_from_the_start() -> None:
    kit = Kit()
    kit.streams.serves("prod", "none", past=600)
    assert kit.on(seconds=1).ask('http_requests_total{service="none"}') == {}
    other = Kit()
    other.streams = Streams(other.clock.now, other.shop)
    other.streams.serves(*SHOP, past=600)
    assert sum(other.ask("rate(http_requests_total[5m])").values()) == pytest.approx(20, rel=0.2)


def test_a_changed_load_counts_from_now_on() -> None:
    kit = Kit().on(minutes=10)
    kit.streams.serves(*SHOP, Load(rate=20))
    kit.on(minutes=10)
    found = kit.ask("sum(rate(http_requests_total[5m]))")
    assert found == {"": pytest.approx(20, rel=0.1)}


def test_failures_may_have_no_series_before_the_first() -> None:
    kit = Kit()
    kit.streams.serves(*SHOP, Load(failing=0, zeroes=False))
    assert kit.on(minutes=1).ask('count(http_requests_total{code="500"})') == {}
    assert kit.samples('http_requests_total{code="500"}[1m]') == []
    kit.streams.fails(*SHOP, slot="blue", share=1)
    assert kit.on(minutes=1).ask('count(http_requests_total{code="500"})') == {"": 2}


# Knobs.


def test_a_bad_version_fails_and_is_healed() -> None:
    kit = Kit().on(minutes=6)
    kit.streams.fails(*SHOP, version="v2", share=0.2)
    found = kit.on(minutes=6).ask(FAILED)
    assert found["green"] == pytest.approx(0.208, rel=0.2)
    assert found["blue"] < 0.02
    kit.streams.heals(*SHOP, version="v1")
    assert kit.on(minutes=6).ask(FAILED)["green"] > 0.15
    kit.streams.heals(*SHOP, version="v2")
    assert kit.on(minutes=6).ask(FAILED)["green"] < 0.02


def test_damage_to_both_slots_and_slowness() -> None:
    kit = Kit()
    kit.streams.fails(*SHOP)
    kit.streams.slows(*SHOP, slot="green", factor=5)
    found = kit.on(minutes=6).ask(FAILED)
    assert found == {"blue": pytest.approx(0.06, rel=0.2), "green": pytest.approx(0.06, rel=0.3)}
    slow = kit.ask(P95)
    assert slow["green"] > 3 * slow["blue"]
    kit.streams.heals(*SHOP)
    assert kit.on(minutes=6).ask(P95)["green"] < 0.3


def test_what_is_silenced_goes_stale_and_counts_on() -> None:
    kit = Kit().on(minutes=1)
    before = kit.ask('sum by (slot) (http_requests_total{code="200"})')
    kit.streams.silences(*SHOP, slot="green")
    kit.on(minutes=1)
    assert set(kit.ask("sum by (slot) (http_requests_total)")) == {"blue"}
    assert len(kit.samples('http_requests_total{slot="green"}[2m]')[0]) == 12
    kit.streams.heals(*SHOP, slot="green")
    kit.on(minutes=1)
    after = kit.ask('sum by (slot) (http_requests_total{code="200"})')
    assert after["green"] == pytest.approx(3 * before["green"], rel=0.1)


def test_what_is_forgotten_has_no_past() -> None:
    kit = Kit().on(minutes=1)
    kit.streams.forgets(*SHOP, version="v2")
    assert kit.samples('http_requests_total{version="v2"}[1h]') == []
    assert kit.on(minutes=1).samples('http_requests_total{version="v2"}[1h]') == []
    assert len(kit.samples('http_requests_total{version="v1"}[1h]')) == 4
    kit.streams.heals(*SHOP)
    assert len(kit.on(minutes=1).samples('http_requests_total{version="v2"}[1h]')[0]) == 12


def test_samples_may_be_no_numbers_and_containers_crash() -> None:
    kit = Kit().on(minutes=1)
    before = kit.ask("sum by (slot) (http_requests_total)")
    kit.streams.restarts(*SHOP, slot="blue")
    kit.on(seconds=6)
    after = kit.ask("sum by (slot) (http_requests_total)")
    assert after["blue"] < before["blue"] / 5
    assert after["green"] > before["green"]
    kit.streams.nan(*SHOP, slot="green")
    kit.on(seconds=6)
    assert math.isnan(kit.ask("sum by (slot) (http_requests_total)")["green"])


def test_what_has_no_load_has_no_knobs() -> None:
    with pytest.raises(LookupError, match="none in prod has no load"):
        Kit().streams.fails("prod", "none")


# The API.


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedPrometheus]:
    clock = VirtualClock()
    made = SimulatedPrometheus(clock.now, clock.sleep, Shop(), token="t")
    made.streams.serves(*SHOP, past=600)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(headers={"Authorization": "Bearer t"}) as made:
        yield made


@dataclass
class Asker:
    """Asks the API as anybody would."""

    sim: SimulatedPrometheus
    session: aiohttp.ClientSession

    async def __call__(self, path: str, *, post: bool = False, **form: str) -> tuple[int, Any]:
        method, given = ("POST", "data") if post else ("GET", "params")
        url = f"{self.sim.url}/api/v1/{path}"
        async with self.session.request(method, url, **{given: form}) as answer:
            return answer.status, await answer.json()


@pytest.fixture
def ask(sim: SimulatedPrometheus, session: aiohttp.ClientSession) -> Asker:
    return Asker(sim, session)


async def test_the_shapes_of_answers(ask: Asker) -> None:
    at = START.timestamp()
    for post in (False, True):
        assert await ask("query", post=post, query="1.5", time="2026-03-04T16:30:00Z") == (
            200,
            {"status": "success", "data": {"resultType": "scalar", "result": [at, "1.5"]}},
        )
    _, vector = await ask("query", query="vector(1)", time=f"{at + 0.25}", timeout="5s")
    element = {"metric": {}, "value": [at + 0.25, "1"]}
    assert vector["data"] == {"resultType": "vector", "result": [element]}
    _, raw = await ask("query", query='http_requests_total{pod="g1",code="200"}[20s]')
    assert raw["data"]["resultType"] == "matrix"
    [row] = raw["data"]["result"]
    assert row["metric"] == {
        "__name__": "http_requests_total",
        "namespace": "prod",
        "service": "pay",
        "slot": "green",
        "pod": "g1",
        "version": "v2",
        "code": "200",
    }
    assert len(row["values"]) == 4
    assert all(isinstance(value, str) for _, value in row["values"])
    _, nothing = await ask("query", query="nothing[20s]")
    assert nothing["data"] == {"resultType": "matrix", "result": []}


async def test_a_query_over_a_range(ask: Asker) -> None:
    at = START.timestamp()
    _, body = await ask(
        "query_range", query="vector(2)", start=f"{at}", end=f"{at + 20}", step="10"
    )
    assert body["data"] == {
        "resultType": "matrix",
        "result": [{"metric": {}, "values": [[at, "2"], [at + 10, "2"], [at + 20, "2"]]}],
    }
    _, body = await ask("query_range", query="7", start=f"{at}", end=f"{at + 60}", step="1m")
    assert body["data"]["result"] == [{"metric": {}, "values": [[at, "7"], [at + 60, "7"]]}]
    count = "sum by (slot) (http_requests_total)"
    _, body = await ask(
        "query_range", post=True, query=count, start=f"{at - 60}", end=f"{at}", step="15s"
    )
    assert [row["metric"]["slot"] for row in body["data"]["result"]] == ["blue", "green"]
    assert [len(row["values"]) for row in body["data"]["result"]] == [5, 5]


RANGE = {"start": "0", "end": "60", "step": "15"}


@pytest.mark.parametrize(
    ("path", "form", "wanted", "sentence"),
    [
        ("query", {}, (400, "bad_data"), "no expression found"),
        ("query", {"query": "irate(a[1m])"}, (400, "bad_data"), "unknown function"),
        ("query", {"query": "1", "time": "then"}, (400, "bad_data"), 'cannot parse "then"'),
        ("query", {"query": "1", "time": "2026-03-04"}, (400, "bad_data"), "valid timestamp"),
        ("query", {"query": "1", "time": "1e99"}, (400, "bad_data"), "valid timestamp"),
        ("query", {"query": "1", "timeout": "x"}, (400, "bad_data"), "valid duration"),
        ("query", {"query": "1", "timeout": "5s1m"}, (400, "bad_data"), "valid duration"),
        ("query", {"query": "1", "timeout": "0"}, (503, "timeout"), "query timed out"),
        (
            "query",
            {"query": '{service="pay"} * 2'},
            (422, "execution"),
            "same labelset",
        ),
        ("query_range", {"query": "1"}, (400, "bad_data"), 'parameter "start"'),
        ("query_range", {"query": "a[1m]", **RANGE}, (400, "bad_data"), "range vector"),
        ("query_range", {"query": "1", **RANGE, "end": "-5"}, (400, "bad_data"), "before start"),
        ("query_range", {"query": "1", **RANGE, "step": "0"}, (400, "bad_data"), "positive"),
        ("query_range", {"query": "1", **RANGE, "end": "1e9"}, (400, "bad_data"), "11,000"),
    ],
)
async def test_what_is_refused(
    ask: Asker, path: str, form: dict[str, str], wanted: tuple[int, str], sentence: str
) -> None:
    status, body = await ask(path, post=True, **form)
    assert (status, body["errorType"]) == wanted
    assert body["status"] == "error"
    assert sentence in body["error"]


async def test_version_readiness_token_and_warnings(ask: Asker) -> None:
    _, body = await ask("status/buildinfo")
    assert body["data"]["version"] == "3.5.0"
    async with ask.session.get(f"{ask.sim.url}/-/ready") as answer:
        assert (answer.status, await answer.text()) == (200, "Prometheus Server is Ready.\n")
    ask.session.headers.clear()
    async with ask.session.get(f"{ask.sim.url}/api/v1/query?query=1") as answer:
        assert answer.status == 401
    ask.session.headers["Authorization"] = "Bearer t"
    ask.sim.warnings, ask.sim.infos = ["a store is away"], ["PromQL info: hm"]
    _, body = await ask("query", query="1")
    assert (body["warnings"], body["infos"]) == (["a store is away"], ["PromQL info: hm"])
    ask.sim.fail(Fault("status", status=503))
    assert (await ask("query", query="1"))[0] == 503


async def test_knobs_are_turned_over_http(ask: Asker) -> None:
    async def turn(knob: str, **given: object) -> int:
        url = f"{ask.sim.url}/_control/streams/{knob}"
        async with ask.session.post(url, json=given) as answer:
            return answer.status

    place = {"namespace": "prod", "service": "pay"}
    assert await turn("forgets", **place) == 200
    _, body = await ask("query", query="http_requests_total")
    assert body["data"]["result"] == []
    assert await turn("heals", **place) == 200
    assert await turn("serves", **place, rate=5.0) == 200
    assert await turn("serves", namespace="prod", service="more", past=60) == 200
    assert await turn("fails", namespace="prod", service="none") == 400
    assert await turn("fails", **place, colour="red") == 400
    assert await turn("catch_up") == 404
