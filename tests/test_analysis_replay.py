"""`release-bot analysis replay`: what the rules would have made of the past."""

import json
import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.counters import Sample, Series
from bot.domain.indicators import Doubt
from bot.domain.recordings import Case, recording_of
from bot.domain.replaying import Replayed, Ways, replay
from tests.recorded import (
    BEGUN,
    GUARD,
    METRICS,
    RULES,
    STEPS,
    Rates,
    Run,
    case,
    guard,
    guarded,
    series,
    with_policy,
)
from tests.scenarios.test_analysis import CATALOGUE, GUARDED, PLACE, approved
from tests.tester import Bot, World, parsed


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def test_a_good_release_would_have_gone_on(run: Run) -> None:
    found = run.one(case(expected="good"))
    assert (found["act"], found["reason"], found["seconds"]) == ("go on", None, 600)
    assert found["steps"][0]["verdict"] == "healthy"
    assert found["why"].startswith("Healthy: errors 0.1")
    assert found["looks"] == {"used": 36, "left_out": 0, "reasons": {}}


def test_a_bad_release_would_have_gone_back(run: Run) -> None:
    found = run.one(case(new=0.05, expected="bad"))
    assert (found["act"], found["reason"]) == ("roll back", "metrics_unhealthy")
    assert 60 < found["seconds"] < 180
    assert found["why"].startswith("Unhealthy: errors 5")
    assert (found["indicator"], found["steps"][0]["verdict"]) == ("errors", "unhealthy")
    # It served 100 a second, and the newest scrape may be 15 s old.
    assert found["seconds"] - 15 <= found["requests"] / 100 <= found["seconds"]
    assert found["failed"] == pytest.approx(found["requests"] * 0.05, abs=1)


def test_it_is_told_as_the_thread_would(run: Run) -> None:
    done = run([case("good-1", expected="good"), case("bad-1", new=0.05, expected="bad")])
    assert done.exit_code == 0
    good, bad, summary = done.stdout.strip().split("\n\n")
    assert good.startswith(
        "good-1 (orders in production; it was good): 10 % on green at 0 s. At 600 s healthy: errors"
    )
    assert "It would have gone on. Until then green had served 60,000 requests" in good
    assert good.endswith("Looks: 36 used, none left out.")
    assert "It would have rolled back. Until then green had served " in bad
    assert summary == (
        "2 cases. 1 good: 0 rolled back wrongly, 0 asked about, 1 gone on. "
        "1 bad: 1 rolled back rightly, 0 asked about, 0 gone on. "
        "Median time to decide: 345 s; to roll back: 90 s."
    )


def test_what_hurts_both_slots_is_seen_by_the_guard_only(run: Run) -> None:
    both = case(new=0.2, live=0.2)
    assert run.one(both)["act"] == "go on"
    both["series"].append(guard(0.2))
    asked = run.one(both, rules=guarded())
    assert (asked["act"], asked["reason"], asked["seconds"]) == ("ask", "guard_broken", 180)
    assert asked["looks"]["used"] == 8
    assert asked["why"] == (
        "Failing is 0.2: above 0.1 for 1 min or longer, over both slots together."
    )
    back = run.one(both, rules=guarded("guard: rollback"))
    assert (back["act"], back["reason"]) == ("roll back", "guard_broken")


def test_while_a_person_is_asked_it_looks_on(run: Run) -> None:
    worse = case()
    worse["series"] = [
        *series("green", [(0, 100)], [(0, 0.1), (240, 20)]),
        *series("blue", [(-1200, 1000), (0, 900)], [(0, 0.9)]),
        guard(0.2),
    ]
    found = run.one(worse, rules=guarded())
    assert (found["act"], found["reason"]) == ("roll back", "metrics_unhealthy")
    assert found["steps"][0]["asked"]["reason"] == "guard_broken"
    assert found["steps"][0]["asked"]["seconds"] < found["seconds"]
    told = run([worse], rules=guarded()).stdout
    assert " s. At 180 s failing is 0.2: " in told
    assert "It would have asked a person. Still asking, at " in told
    # A question that was over before that is answered by policy, not by a guess.
    assert run.one(worse, rules=guarded("pause: 30s"))["act"] == "ask"


def test_a_guard_that_gave_no_number_leaves_it_open(run: Run) -> None:
    silent = case()
    silent["series"].append(guard(float("nan")))
    assert run.one(silent, rules=guarded())["act"] == "go on"
    silent["series"][-1] = {"guard": "failing", "values": []}
    assert run.one(silent, rules=guarded())["act"] == "go on"
    # Past its limit, and then nothing more came of it: it keeps what was known.
    silent["series"][-1] = {"guard": "failing", "values": [[BEGUN + 60, "0.2"]]}
    assert run.one(silent, rules=guarded())["reason"] == "guard_broken"


def test_a_gap_is_left_out_and_counts_when_prometheus_is_back(run: Run) -> None:
    gap = case()
    for entry in gap["series"]:
        for one in entry["result"]:
            one["values"] = [v for v in one["values"] if not 200 < v[0] - BEGUN < 320]
    found = run.one(gap)
    assert found["looks"]["left_out"] == sum(found["looks"]["reasons"].values()) > 3
    assert set(found["looks"]["reasons"]) == {"errors: nothing was scraped lately"}
    assert found["act"] == "go on"
    assert found["requests"] == 60_000
    assert "left out (errors: nothing was scraped lately, " in run([gap]).stdout


def test_a_counter_that_is_no_number_is_never_healthy(run: Run) -> None:
    sick = case()
    sick["series"][0]["result"][0]["values"] = [
        [at, "NaN"] for at, _ in sick["series"][0]["result"][0]["values"]
    ]
    found = run.one(sick)
    assert (found["act"], found["steps"][0]["verdict"]) == ("bake on", "undecided")
    assert found["looks"]["used"] == 0
    assert (found["requests"], found["failed"]) == (None, None)
    assert found["why"] == "Nothing is measured yet: errors: a counter is not a number."
    assert "What green had served until then is not known." in run([sick]).stdout


def test_more_failures_than_requests_say_nothing(run: Run) -> None:
    odd = case()
    odd["series"][:2] = series("green", [(0, 100)], [(0, 200)])
    assert "errors: more requests failed than there were" in run.one(odd)["looks"]["reasons"]


def test_no_series_of_failures_means_that_none_failed(run: Run) -> None:
    clean = case()
    clean["series"][1]["result"] = []
    found = run.one(clean)
    assert (found["act"], found["failed"]) == ("go on", 0)


def test_a_reset_of_a_counter_counts_from_nothing(run: Run) -> None:
    plain, again = case(), case()
    for entry in again["series"][:2]:
        for one in entry["result"]:
            kept = {at: int(v) for at, v in one["values"]}
            lost = kept[BEGUN + 300]
            one["values"] = [
                [at, str(v - lost if at >= BEGUN + 300 else v)] for at, v in kept.items()
            ]
    one, other = run.one(plain), run.one(again)
    assert other["act"] == one["act"] == "go on"
    # What came between the last scrape and the restart is lost; nothing is counted twice.
    assert 0 <= one["requests"] - other["requests"] <= 1500


def test_marginal_asks(run: Run) -> None:
    found = run.one(case(new=0.00135))
    assert (found["act"], found["reason"]) == ("ask", "metrics_marginal")
    assert found["steps"][0]["verdict"] == "marginal"
    assert found["seconds"] == 600


@pytest.mark.parametrize(
    ("policy", "act", "seconds"),
    [
        ("undecided: wait, extend: 5m", "ask", 900),
        ("undecided: wait, extend: 1h", "bake on", 1260),
        ("undecided: ask", "ask", 600),
        ("undecided: go-on", "go on", 600),
        ("undecided: rollback", "roll back", 600),
    ],
)
def test_undecided_ends_as_policy_says(run: Run, policy: str, act: str, seconds: float) -> None:
    found = run.one(case(rate=1.0, until=1260), rules=with_policy(policy))
    assert (found["act"], found["seconds"]) == (act, seconds)
    assert found["reason"] == (None if act == "go on" else "metrics_undecided")
    assert found["steps"][0]["verdict"] == "undecided"


def stepped(failed: Rates) -> dict[str, Any]:
    green = [(0, 100), (610, 500), (1220, 1000)]
    blue = [(-1200, 1000), (0, 900), (610, 500), (1220, 0)]
    return case(
        steps=STEPS,
        series=[
            *series("green", green, failed, 1600),
            *series("blue", blue, [(r[0], r[1] / 1000) for r in blue], 1600),
        ],
    )


def test_several_steps_are_one_story(run: Run) -> None:
    whole = run.one(stepped([(0, 0.1), (610, 0.5), (1220, 1)]))
    assert [(s["weight"], s["act"], s["since"], s["seconds"]) for s in whole["steps"]] == [
        (10, "go on", 0, 600),
        (50, "go on", 610, 1210),
        (100, "go on", 1220, 1520),
    ]
    assert [step["verdict"] for step in whole["steps"]] == ["healthy", "healthy", None]
    late = run.one(stepped([(0, 0.1), (610, 0.5), (760, 25)]))
    assert [step["act"] for step in late["steps"]] == ["go on", "roll back"]
    assert 760 < late["seconds"] < 900
    told = run([stepped([(0, 0.1), (610, 0.5)])]).stdout
    assert (
        "100 % on green at 1,220 s. At 1,520 s there was nothing to compare with, and there are no "
        "guards. It would have gone on."
    ) in told


def test_a_promote_that_was_waited_for_did_come(run: Run) -> None:
    held = RULES.replace("watch: 1m}", "watch: 1m, hold_at: [10]}")
    found = run.one(stepped([(0, 0.1), (610, 0.5), (760, 25)]), rules=held)
    assert [step["reason"] for step in found["steps"]] == ["awaits_promotion", "metrics_unhealthy"]
    done = run([case(expected="good")], rules=held)
    assert "10 % on green held. Promote goes on. It would have waited for Promote." in done.stdout
    assert "1 good: 0 rolled back wrongly, 0 asked about, 1 gone on." in done.stdout


def test_a_bot_that_would_have_stopped_saw_no_further_steps(run: Run) -> None:
    slow = stepped([(0, 0.1), (610, 0.5)]) | {"steps": STEPS[:2]}
    slow["series"] = [
        *series("green", [(0, 0.1), (610, 50)], [], 1600),
        *series("blue", [(-1200, 1.0)], [], 1600),
    ]
    found = run.one(slow)
    assert [step["act"] for step in found["steps"]] == ["bake on"]
    assert found["seconds"] == 600
    assert "but no more is recorded at this weight" in run([slow]).stdout
    assert "still open" in run([slow]).stdout


def test_a_slot_without_traffic_asks(run: Run) -> None:
    starved = case()
    starved["series"][:2] = series("green", [(0, 10)], [])
    found = run.one(starved)
    assert (found["act"], found["reason"]) == ("ask", "no_traffic")
    assert found["why"] == "Green gets far less traffic than its 10 % on green."


def test_blue_may_be_the_new_slot(run: Run) -> None:
    other = json.loads(
        json.dumps(case(new=0.05))
        .replace("green", "x")
        .replace("blue", "green")
        .replace("x", "blue")
    )
    found = run.one(other | {"new": "blue"})
    assert found["act"] == "roll back"
    assert "(green 0" in found["why"]


def test_the_service_may_have_guards_only(run: Run) -> None:
    rules = RULES.replace(METRICS, "\n    metrics:\n" + GUARD)
    calm = case(series=[guard(0.05)])
    found = run.one(calm, rules=rules)
    assert (found["act"], found["requests"]) == ("go on", None)
    assert found["why"] == "No guard was past its limit."
    assert run.one(case(series=[guard(0.2)]), rules=rules)["reason"] == "guard_broken"


def test_the_summary_counts_right_and_wrong(run: Run) -> None:
    cases = [
        case("a", expected="good"),
        case("b", expected="good", new=0.05),
        case("c", expected="bad", new=0.05),
        case("d", expected="bad"),
        case("e", rate=1.0),
    ]
    found = json.loads(run(cases, "--json").stdout)
    assert [one["name"] for one in found["cases"]] == list("abcde")
    assert found["summary"] == {
        "good": {"cases": 2, "rolled_back": 1, "asked": 0, "gone_on": 1, "open": 0},
        "bad": {"cases": 2, "rolled_back": 1, "asked": 0, "gone_on": 1, "open": 0},
        "unknown": {"cases": 1, "rolled_back": 0, "asked": 0, "gone_on": 0, "open": 1},
        "median_seconds": 600,
        "median_seconds_to_roll_back": 90,
    }


# The same samples as a release saw.


def rows(found: tuple[Series, ...]) -> list[dict[str, Any]]:
    return [{"metric": dict(one.labels), "values": points(one.samples)} for one in found]


def points(samples: tuple[Sample, ...]) -> list[list[Any]]:
    return [[one.at.timestamp(), repr(one.value)] for one in samples]


async def recorded(bot: Bot, begun: datetime, seconds: float) -> dict[str, Any]:
    """Record a release of orders to green at 10 %, as docs/analysis.md says."""
    watching = bot.app.catalog.services["orders"].metrics
    prometheus = bot.app.outside.measuring
    assert prometheus is not None
    now = bot.world.clock.now()
    found: list[dict[str, Any]] = []
    place = {"{service}": "orders", "{namespace}": "production"}

    def filled(query: str, slot: str = "") -> str:
        for name, word in (place | {"{slot}": slot}).items():
            query = query.replace(name, word)
        return query

    for name, indicator in watching.indicators.items():
        part = "failed" if indicator.failed else "good"
        selectors = {"requests": indicator.requests, part: indicator.failed or indicator.good}
        for slot in ("blue", "green"):
            for key, selector in selectors.items():
                result = await prometheus.counters(
                    filled(selector, slot), now, now - begun + timedelta(minutes=20)
                )
                found.append({"indicator": name, "slot": slot, "part": key, "result": rows(result)})
    for name, limit in watching.guards.items():
        course = await prometheus.course(filled(limit.query), begun, now, timedelta(seconds=5))
        found.append({"guard": name, "values": points(course)})
    step = {"weight": 10, "since": begun.isoformat(), "seconds": seconds}
    return case("as seen", steps=[step], series=found)


def seen_again(bot: Bot, given: dict[str, Any]) -> Replayed:
    """Replay it with the bot's own catalogue, with turns as often as the bot's.

    No watch of the cluster runs in tests, so a bake polls; the command takes a bot that is told.
    """
    rules, made = parsed(bot.catalog).catalog, Case.model_validate(given)
    watching = rules.services["orders"].metrics
    ways = Ways(
        watching=watching,
        doubt=rules.policies["default"].analysis or Doubt(),
        pause=bot.limits.bake_poll,
    )
    return replay(made, recording_of(made, watching), ways)


@pytest.mark.parametrize(
    ("rules", "share", "version", "state"),
    [
        (CATALOGUE, 0.05, "v2.1.0", "rolled_back"),
        (CATALOGUE, 0.001, "v2.1.0", "succeeded"),
        (GUARDED, 0.2, None, "paused"),
    ],
)
async def test_a_release_and_its_replay_agree_look_by_look(
    world: World,
    migrated_file: Path,
    run: Run,
    rules: str,
    share: float,
    version: str | None,
    state: str,
) -> None:
    shutil.copy(migrated_file, run.folder / "bot.db")
    bot = await Bot(world, f"sqlite:///{run.folder}/bot.db", run.folder, catalog=rules).start()
    await approved(bot)
    begun = (await bot.release()).progress.since
    assert begun is not None
    world.prometheus.streams.fails(*PLACE, version=version, share=share)
    if state == "succeeded":
        release = await bot.until(lambda found: found.progress.weight == 100)
    else:
        release = await bot.until(state)
    given = await recorded(bot, begun, 600)
    again = seen_again(bot, given)
    seen, last = release.progress.analysis, again.ended.analysis
    assert last.until == seen.until
    assert last.evidence == seen.evidence
    assert (last.unhealthy, last.past, last.thin) == (seen.unhealthy, seen.past, seen.thin)
    expected = {"rolled_back": "roll back", "succeeded": "go on", "paused": "ask"}
    found = run.one(given, rules=rules)
    assert found["act"] == again.ended.call.act.value == expected[state]
    assert state == "succeeded" or found["reason"] == release.reason
    await bot.finish()
