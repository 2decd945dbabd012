"""`Prometheus` against the simulated server: what it reads, and what each fault means."""

import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any

import pytest

from bot.domain.counters import GapError, Series, Span, rise
from bot.errors import (
    ForbiddenError,
    MissingError,
    PermanentError,
    RateLimitedError,
    TemporaryError,
)
from bot.ports import Metrics
from integrations.prometheus import Prometheus, examine
from integrations.simulated.prometheus import Load, Pod, SimulatedPrometheus
from integrations.simulated.server import Fault, FaultKind
from tests.patience import PATIENT
from tests.virtual import START, VirtualClock

SHOP = ("prod", "pay")
SCRAPE = timedelta(seconds=5)
LOOK = timedelta(seconds=30)
ALL = 'http_requests_total{service="pay"}'


@dataclass
class Kit:
    """A client and its server, and where the requests of `pay` go."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    pods: list[Pod] = field(
        default_factory=lambda: [
            Pod("b1", "blue", "v1", 0.9),
            Pod("g1", "green", "v2", 0.1),
        ]
    )
    told: list[tuple[str, str]] = field(default_factory=list)
    sim: SimulatedPrometheus = field(init=False)
    client: Prometheus = field(init=False)

    async def start(self) -> "Kit":
        self.sim = SimulatedPrometheus(self.clock.now, self.clock.sleep, self.shares, token="t")
        self.sim.streams.serves(*SHOP, Load(rate=100), past=600)
        await self.sim.start()
        self.client = self.at(self.sim.url)
        return self

    def shares(self, namespace: str, service: str) -> list[Pod]:
        return self.pods if (namespace, service) == SHOP else []

    def at(self, url: str, token: str | None = "t", seconds: float = PATIENT) -> Prometheus:
        def told(kind: str, result: str, took: float) -> None:
            assert took >= 0
            self.told.append((kind, result))

        return Prometheus(url, token=token, seconds=seconds, told=told)

    def on(self, seconds: float) -> "Kit":
        """Let time go by, with the traffic as it is."""
        self.clock.moment += timedelta(seconds=seconds)
        self.sim.streams.catch_up()
        return self

    @property
    def span(self) -> Span:
        """The look that ends now."""
        now = self.clock.now()
        return Span(since=now - LOOK, until=now, scrape=SCRAPE)

    async def counters(self, more: str) -> tuple[Series, ...]:
        selector = f'http_requests_total{{service="pay",{more}}}'
        return await self.client.counters(selector, self.span.until, self.span.reach)

    async def rise(self, more: str) -> float:
        return rise(await self.counters(more), self.span)

    async def number(self, query: str) -> float | None:
        return await self.client.number(query, self.clock.now())


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    made = await Kit().start()
    yield made
    await made.client.close()
    await made.sim.stop()


# What it reads.


async def test_counters_are_read_as_they_were_scraped(kit: Kit) -> None:
    client: Metrics = kit.client
    found = await client.counters(ALL, START, timedelta(seconds=19.2))
    assert {series.labels["slot"] for series in found} == {"blue", "green"}
    assert {len(series.samples) for series in found} == {4}
    for series in found:
        moments = [sample.at for sample in series.samples]
        assert all(at.tzinfo is UTC and START - 4 * SCRAPE < at <= START for at in moments)
        assert moments == sorted(moments)
    assert await client.counters("nothing", START, SCRAPE) == ()
    [entry, _] = kit.sim.journal
    assert (entry.method, entry.path) == ("POST", "/api/v1/query")
    assert b"%5B20s%5D" in entry.body
    assert b"time=1772641800.000" in entry.body
    assert b"timeout=60" in entry.body
    assert kit.told == [("post query", "ok")] * 2


async def test_a_moment_is_never_asked_for_later_than_it_is(kit: Kit) -> None:
    late = START - timedelta(microseconds=1)
    assert await kit.client.number("1", late) == 1
    assert b"time=1772641799.999&" in kit.sim.journal[0].body
    await kit.client.counters(ALL, late, timedelta(milliseconds=1))
    assert b"%5B1s%5D" in kit.sim.journal[1].body


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("1.5", 1.5),
        ("vector(-2)", -2),
        ("NaN", None),
        ("1 / 0", None),
        ("vector(NaN)", None),
        ("vector(-1 / 0)", None),
        ("sum(nothing)", None),
        ("sum(nothing) or vector(0)", 0),
        ("count(http_requests_total)", 4),
        ("vector(1e21)", 1e21),
    ],
)
async def test_a_query_gives_one_number_or_none(kit: Kit, query: str, wanted: float | None) -> None:
    assert await kit.number(query) == wanted


async def test_a_quantile_and_a_rate(kit: Kit) -> None:
    buckets = 'http_request_duration_seconds_bucket{service="pay"}'
    p95 = await kit.number(f"histogram_quantile(0.95, sum by (le) (rate({buckets}[5m])))")
    assert p95 is not None
    assert 0.1 < p95 < 0.3
    assert await kit.number(f"sum(rate({ALL}[5m]))") == pytest.approx(100, rel=0.1)


async def test_more_than_one_series_is_no_number(kit: Kit) -> None:
    for query in ("http_requests_total", "count by (pod) (http_requests_total)"):
        with pytest.raises(PermanentError, match=r"^The query gives [24] series and must give one"):
            await kit.number(query)
    with pytest.raises(PermanentError, match="must give one"):
        await kit.client.course("http_requests_total", START - LOOK, START, SCRAPE)
    with pytest.raises(PermanentError, match="gives a matrix and no number"):
        await kit.number(f"{ALL}[1m]")


async def test_what_selects_no_samples_is_refused(kit: Kit) -> None:
    with pytest.raises(PermanentError, match="gives a vector and no samples over time"):
        await kit.client.counters(f"{ALL} #", START, LOOK)
    for wrong in ("sum(http_requests_total)", f"{ALL}[5m]", f"{ALL} + 1", "2", ""):
        with pytest.raises(PermanentError, match=r"^Prometheus refuses the query: invalid param"):
            await kit.client.counters(wrong, START, LOOK)


async def test_a_course_leaves_out_what_is_no_number(kit: Kit) -> None:
    query = f"sum({ALL})"
    found = await kit.client.course(query, START - LOOK, START, SCRAPE)
    assert [sample.at for sample in found] == [START - LOOK + n * SCRAPE for n in range(7)]
    kit.sim.streams.nan(*SHOP)
    kit.on(10).sim.streams.heals(*SHOP)
    end = kit.on(30).clock.now()
    course = await kit.client.course(query, START, end, SCRAPE)
    assert len(course) == 7
    assert all(math.isfinite(sample.value) for sample in course)
    assert await kit.client.course("sum(nothing)", START, end, SCRAPE) == ()
    half = timedelta(seconds=0.5)
    assert len(await kit.client.course("1", START, START + SCRAPE, half)) == 11
    assert kit.told[-1] == ("post query_range", "ok")


# Counters of two slots over the same time.


async def test_both_slots_are_counted_over_the_same_span(kit: Kit) -> None:
    kit.on(7)
    for _ in range(4):
        kit.on(30)
        blue, green = await kit.rise('slot="blue"'), await kit.rise('slot="green"')
        assert blue == pytest.approx(2700, rel=0.15)
        assert green == pytest.approx(300, rel=0.3)


async def test_the_looks_of_a_release_add_up_to_what_was_counted(kit: Kit) -> None:
    kit.on(30)
    newest = [series.samples[-1].value for series in await kit.counters('slot="blue"')]
    total = 0.0
    for turn in range(6):
        if turn == 2:
            kit.sim.streams.restarts(*SHOP, slot="blue")
        kit.on(30)
        total += await kit.rise('slot="blue"')
    last = [series.samples[-1].value for series in await kit.counters('slot="blue"')]
    assert sum(last) < sum(newest)
    # What was counted between the last scrape and the crash is lost, as it is in the world.
    assert 180 * 90 - 5 * 90 * 1.5 < total < 180 * 90 * 1.1


async def test_a_pod_that_goes_and_one_that_comes_both_count(kit: Kit) -> None:
    kit.on(20)
    kit.pods = [Pod("b1", "blue", "v1", 0.0), Pod("b2", "blue", "v1", 0.9)]
    kit.on(30)
    rises = [await kit.rise(f'pod="{name}",code="200"') for name in ("b1", "b2")]
    assert rises[0] < 5 * 90 * 1.5
    assert rises[1] > 23 * 90
    # The old one is no longer scraped; after a while it is over, and nothing rises.
    kit.pods = [Pod("b2", "blue", "v1", 0.9)]
    kit.on(10)
    with pytest.raises(GapError, match="a scrape is missing"):
        await kit.rise('slot="blue"')
    kit.on(20)
    assert await kit.rise('slot="blue"') == pytest.approx(2700, rel=0.15)


async def test_a_gap_is_left_out_and_counted_by_the_next_look(kit: Kit) -> None:
    kit.on(30)
    kit.sim.streams.silences(*SHOP, slot="green")
    kit.on(14)
    with pytest.raises(GapError, match="nothing was scraped lately"):
        await kit.rise('slot="green"')
    assert await kit.rise('slot="blue"') > 0
    kit.sim.streams.heals(*SHOP, slot="green")
    kit.on(11)
    assert await kit.rise('slot="green"') == pytest.approx(300, rel=0.35)


async def test_what_is_not_there_or_not_a_number_is_a_gap(kit: Kit) -> None:
    with pytest.raises(GapError, match="no data"):
        await kit.rise('slot="red"')
    kit.sim.streams.nan(*SHOP)
    kit.on(30)
    assert any(math.isnan(s.value) for series in await kit.counters("") for s in series.samples)
    with pytest.raises(GapError, match="not a number"):
        await kit.rise('slot="blue"')
    kit.sim.streams.forgets(*SHOP)
    kit.on(30)
    with pytest.raises(GapError, match="no data"):
        await kit.rise('slot="blue"')


async def test_a_bad_version_shows_in_its_slot_alone(kit: Kit) -> None:
    kit.sim.streams.fails(*SHOP, version="v2", share=0.5)
    kit.on(60)
    assert await kit.rise('slot="green",code=~"5.."') > 90
    assert await kit.rise('slot="blue",code=~"5.."') < 20


# What faults mean.


def answers(kit: Kit, status: int, body: dict[str, Any] | None = None, **headers: str) -> None:
    kit.sim.fail(Fault("status", status=status, body=body or {}, headers=headers))


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504])
async def test_what_waiting_may_mend_is_temporary(kit: Kit, status: int) -> None:
    answers(kit, status)
    with pytest.raises(TemporaryError, match=f"^Prometheus doesn't answer: it says {status}$"):
        await kit.number("1")
    assert kit.told == [("post query", "temporary")]
    assert await kit.number("1") == 1


@pytest.mark.parametrize(("header", "delay"), [({"Retry-After": "7"}, 7.0), ({}, 30.0)])
async def test_too_many_requests_says_for_how_long(
    kit: Kit, header: dict[str, str], delay: float
) -> None:
    answers(kit, 429, **header)
    with pytest.raises(RateLimitedError, match="it says 429") as caught:
        await kit.number("1")
    assert caught.value.delay == delay


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(kit: Kit, status: int) -> None:
    answers(kit, status, Location=f"{kit.sim.url}/api/v1/query?query=1")
    with pytest.raises(TemporaryError, match="a redirect, which is not followed"):
        await kit.number("1")
    assert len(kit.sim.journal) == 1


@pytest.mark.parametrize(
    ("status", "kind", "sentence"),
    [
        (401, ForbiddenError, "doesn't let the bot in: it says 401"),
        (403, ForbiddenError, "doesn't let the bot in: it says 403"),
        (404, MissingError, "no such path"),
        (405, PermanentError, "refuses the request: it says 405"),
        (400, PermanentError, "refuses the query: it says 400"),
    ],
)
async def test_what_waiting_does_not_mend_is_permanent(
    kit: Kit, status: int, kind: type[Exception], sentence: str
) -> None:
    answers(kit, status)
    with pytest.raises(kind, match=sentence):
        await kit.number("1")


async def test_prometheus_own_words_are_passed_on_and_cut(kit: Kit) -> None:
    with pytest.raises(PermanentError, match=r"1:5: parse error: unexpected end of input"):
        await kit.number("sum(")
    with pytest.raises(PermanentError, match=r"refuses the query: vector cannot contain metrics"):
        await kit.number('{service="pay"} * 2')
    answers(kit, 422, {"error": "too\n\tmuch " + "x" * 500})
    with pytest.raises(PermanentError) as caught:
        await kit.number("1")
    said = str(caught.value).removeprefix("Prometheus refuses the query: ")
    assert said.startswith("too much xxx")
    assert len(said) == 200
    assert said.endswith("…")


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
async def test_a_dropped_connection_is_temporary(kit: Kit, kind: FaultKind) -> None:
    kit.sim.fail(Fault(kind))
    with pytest.raises(TemporaryError, match=r"doesn't answer: the connection failed \(Server"):
        await kit.number("1")


async def test_a_slow_answer_is_not_waited_for(kit: Kit) -> None:
    kit.sim.fail(Fault("slow", seconds=0.6))
    await kit.client.close()
    kit.client = kit.at(kit.sim.url, seconds=0.3)
    with pytest.raises(TemporaryError, match=r"doesn't answer: nothing came for 0\.3 s"):
        await kit.number("1")


async def test_nobody_listens(kit: Kit) -> None:
    await kit.sim.stop()
    with pytest.raises(TemporaryError, match=r"the connection failed \(ClientConnectorError\)"):
        await kit.number("1")


VECTOR = {"resultType": "vector", "result": []}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"status": "error", "errorType": "internal", "error": "hm"},
        {"status": "success"},
        {"status": "success", "data": {"resultType": "vector"}},
        {"status": "success", "data": {"resultType": "new", "result": []}},
        {"status": "success", "data": {"resultType": "scalar", "result": [1, "one"]}},
        {"status": "success", "data": {"resultType": "scalar", "result": [1e15, "1"]}},
        {"status": "success", "data": VECTOR, "warnings": "none"},
    ],
)
async def test_another_shape_is_temporary(kit: Kit, body: dict[str, Any]) -> None:
    answers(kit, 200, body)
    with pytest.raises(TemporaryError, match="What answered is not Prometheus"):
        await kit.number("1")
    assert kit.told == [("post query", "temporary")]


async def test_what_is_no_json_is_temporary(kit: Kit) -> None:
    other = kit.at(f"{kit.sim.url}/-/ready?")
    with pytest.raises(TemporaryError, match="What answered is not Prometheus"):
        await other.version()
    await other.close()


async def test_a_part_of_the_data_is_not_taken_for_all(kit: Kit) -> None:
    kit.sim.infos = ["PromQL info: metric might not be a counter"]
    kit.sim.warnings = ["PromQL info: metric might not be a counter"]
    assert await kit.number("1") == 1
    kit.sim.warnings.append("no StoreAPI matched")
    with pytest.raises(TemporaryError, match="only a part of the data: no StoreAPI matched"):
        await kit.number("1")
    with pytest.raises(TemporaryError, match="only a part of the data"):
        await kit.client.counters(ALL, START, LOOK)


async def test_native_histograms_and_words_are_no_numbers(kit: Kit) -> None:
    histogram = {"metric": {}, "histogram": [1, {"count": "1"}]}
    answers(kit, 200, {"status": "success", "data": {**VECTOR, "result": [histogram]}})
    with pytest.raises(PermanentError, match="native histogram"):
        await kit.number("1")
    row = {"metric": {}, "histograms": [[1, {"count": "1"}]]}
    data = {"resultType": "matrix", "result": [row]}
    answers(kit, 200, {"status": "success", "data": data})
    with pytest.raises(PermanentError, match="native histograms"):
        await kit.client.counters(ALL, START, LOOK)
    words = {"resultType": "string", "result": [1, "words"]}
    answers(kit, 200, {"status": "success", "data": words})
    with pytest.raises(PermanentError, match="gives a string and no number"):
        await kit.number("1")


async def test_no_answer_is_read_without_end(kit: Kit) -> None:
    answers(kit, 200, {"status": "x" * (16 * 2**20)})
    roomy = Prometheus(kit.sim.url, token="t")
    with pytest.raises(PermanentError, match="more than 16 MB: the query selects too much"):
        await roomy.number("1", START)
    await roomy.close()


async def test_the_address_may_end_in_a_slash_and_the_token_is_sent(kit: Kit) -> None:
    slash, stranger = kit.at(f"{kit.sim.url}/"), kit.at(kit.sim.url, None)
    assert await slash.number("1", START) == 1
    with pytest.raises(ForbiddenError):
        await stranger.number("1", START)
    for client in (slash, stranger):
        await client.close()
        await client.close()


# The doctor.


async def test_the_doctor_finds_all_well(kit: Kit) -> None:
    slots = tuple(f'{ALL[:-1]},slot="{slot}",code="200"}}' for slot in ("grey", "green"))
    pairs = [("pay", (ALL,)), ("pay", slots)]
    found = (await examine(kit.client, pairs, kit.clock.now())).findings
    assert all(finding.good for finding in found)
    assert [finding.sentence for finding in found] == [
        "It answers queries, version 3.5.0.",
        f"{ALL} finds 4 series.",
        f"{slots[1]} finds one series.",
    ]


async def test_the_doctor_finds_selectors_that_are_wrong(kit: Kit) -> None:
    pairs = [("pay", ("nothing",)), ("shop", ("sum(x)",))]
    _, nothing, wrong = (await examine(kit.client, pairs, kit.clock.now())).findings
    assert (nothing.good, nothing.subject) == (False, "Metrics of pay")
    assert nothing.sentence == "nothing found no series in the last 5 minutes."
    assert nothing.remedy is not None
    assert wrong.subject == "Metrics of shop"
    assert "ranges only allowed for vector selectors" in wrong.sentence
    assert wrong.remedy == "Mend the selector in the catalogue."


async def test_the_doctor_finds_that_nothing_came_lately(kit: Kit) -> None:
    kit.sim.streams.silences(*SHOP)
    kit.on(240)
    _, finding = (await examine(kit.client, [("pay", (ALL,))], kit.clock.now())).findings
    assert not finding.good
    assert f"The newest sample of {ALL} is 24" in finding.sentence


async def test_the_doctor_goes_on_where_a_part_does_not_answer(kit: Kit) -> None:
    kit.sim.fail(Fault("status", path="buildinfo", status=404))
    [version] = (await examine(kit.client, [], START)).findings
    assert (version.good, version.sentence) == (
        True,
        "It answers queries, and doesn't tell its version.",
    )


async def test_the_doctor_says_what_it_could_not_look_at(kit: Kit) -> None:
    def breaks(_kind: str, _result: str, _seconds: float) -> None:
        kit.sim.fail(Fault("status", path="/query"))

    client = Prometheus(kit.sim.url, token="t", told=breaks)
    _, finding = (await examine(client, [("pay", (ALL,))], START)).findings
    await client.close()
    assert finding.sentence == f"{ALL}: not known. Prometheus doesn't answer: it says 503."
    assert finding.remedy == "Run this again in a minute."


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "Give the bot a token that may query, or mend the one that it has."),
        (404, "Mend the address of Prometheus: /api/v1/query must be right below it."),
        (503, "Check the address of Prometheus and the network."),
    ],
)
async def test_the_doctor_says_why_there_is_no_answer(kit: Kit, status: int, remedy: str) -> None:
    answers(kit, status)
    [finding] = (await examine(kit.client, [("pay", (ALL,))], START)).findings
    assert (finding.good, finding.remedy) == (False, remedy)
    assert f"it says {status}." in finding.sentence
