"""Every gate's every answer: the sentence, the reason and the next step."""

from typing import Any

import pytest

from bot.domain.commits import Commit, Commits
from bot.domain.facts import (
    CheckRun,
    Diff,
    Known,
    LockFact,
    Promotion,
    Running,
    Scan,
    Tag,
    TagFact,
    TrafficFact,
)
from bot.domain.gates import GATES, evaluate_all
from bot.domain.gates.promoted import words
from bot.domain.gates.result import GateResult
from bot.domain.held_back import BadRange, Seen
from bot.domain.policies import ScanThresholds
from tests.domain.facts import REQUEST, SILENT, cluster, facts, rules, slot
from tests.virtual import START


def asked(gate: str, *, changed: dict[str, Any] | None = None, **seen: Any) -> GateResult | None:
    evaluate = dict(GATES)[gate]
    return evaluate(REQUEST, facts(**seen), rules().model_copy(update=changed or {}))


def known(value: Any) -> Any:
    return Known(value=value)


def test_all_is_well() -> None:
    results = evaluate_all(REQUEST, facts(), rules())
    assert [r.gate for r in results] == [
        "version", "order", "promoted", "checks", "scans", "free", "cluster",
    ]  # fmt: skip
    assert {r.status for r in results} == {"passed"}
    assert [r.sentence for r in results] == [
        "v2.1.0 is abc123d, 12 commits by 2 people since 2.0.5",
        "config 1.9.2 runs in production",
        "26 h in staging (1 h needed)",
        "unit-tests, e2e green",
        "0 critical, 0 high, 3 medium, 0 low",
        "nothing else under way",
        "blue is live with 3 of 3 pods",
    ]


@pytest.mark.parametrize(
    ("gate", "source"),
    [
        ("version", "tag"), ("order", "dependencies"), ("promoted", "promotion"),
        ("checks", "checks"), ("scans", "scan"), ("cluster", "cluster"), ("commits", "seen"),
    ],
)  # fmt: skip
def test_a_silent_source_fails_closed(gate: str, source: str) -> None:
    value = (SILENT,) if source == "dependencies" else SILENT
    result = asked(gate, **{source: value, "held_back": (OTHER,)})
    assert result is not None
    assert (result.status, result.reason) == ("failed", "source_unknown")
    assert result.could_not_tell
    assert "unknown: GitHub didn't answer for 20 s." in result.sentence
    assert "Retry" in (result.next_step or "")


BAD = BadRange(
    release="rel-2222",
    service="payments",
    environment="staging",
    repository="quantivista/platform",
    version="2.1.0",
    back_to="v2.0.5",
    good="a" * 40,
    bad="b" * 40,
)
OTHER = BAD.model_copy(
    update={"service": "orders", "version": "v3.0.0", "back_to": "v2.9.0", "good": None}
)


def held_by(*shas: str) -> Seen:
    commits = Commits(commits=tuple(Commit(sha=s, author="ana", title="Work") for s in shas))
    return Seen(range=OTHER, commits=commits, since=commits)


CASES: list[tuple[str, dict[str, Any], str, str, str]] = [
    ("version", {"tag": known(TagFact(tag=None, newest=("v2.1.0",)))}, "failed",
     "version_unknown", "payments has no tag v2.1.0."),
    ("version", {"tag": known(TagFact(tag=None))}, "failed", "version_unknown", "no tag"),
    ("version", {"live_version": "2.1.0"}, "failed", "already_live", "has the traffic"),
    ("live", {"live_version": None}, "failed", "live_version_unknown", "nothing tells which"),
    ("order", {"dependencies": (known(Running(service="config", version=None, deployed=False)),)},
     "failed", "dependency_missing", "config isn't in production, and payments 2.1.0 needs"),
    ("order", {"dependencies": (known(Running(service="config", version="v1", deployed=True)),)},
     "failed", "dependency_missing", "config in production is 1, and payments 2.1.0 needs"),
    ("order", {"dependencies": (known(Running(service="config", version=None, deployed=True)),)},
     "failed", "live_version_unknown", "Nothing tells which version of config runs"),
    ("order", {"dependencies": (known(Running(service="config", version="main", deployed=True)),)},
     "failed", "dependency_missing", "config in production is main"),
    ("order", {"dependencies": (known(Running(
        service="config", version="v2", deployed=True, under_way="rel-2222")),)},
     "waiting", "dependency_under_way", "config is under way in rel-2222"),
    ("promoted", {"promotion": known(Promotion(
        environment="staging", live=False, seconds=None, running=None))},
     "failed", "not_promoted", "2.1.0 was never live in staging; nothing known runs there."),
    ("promoted", {"promotion": known(Promotion(
        environment="staging", live=True, seconds=600, running="v2.1.0"))},
     "waiting", "soaking", "10 min in staging, 1 h needed."),
    ("promoted", {"promotion": known(Promotion(
        environment="staging", live=False, seconds=600, running="v2.2.0"))},
     "failed", "soaking", "10 min in staging, 1 h needed. 2.2.0 runs there now."),
    ("checks", {"checks": known(())}, "failed", "checks_missing", "unit-tests, e2e never ran"),
    ("checks", {"checks": known((CheckRun(name="unit-tests", conclusion="failure"),))},
     "failed", "checks_failed", "unit-tests (failure) on this commit."),
    ("checks", {"checks": known((CheckRun(name="unit-tests", conclusion="success"),
                                 CheckRun(name="e2e", conclusion=None)))},
     "waiting", "checks_pending", "e2e still runs on this commit."),
    ("scans", {"scan": known(Scan(status="missing"))}, "failed", "scan_missing", "no analysis"),
    ("scans", {"scan": known(Scan(status="not_enabled"))}, "failed", "scan_not_enabled",
     "Code scanning is not enabled for quantivista/platform."),
    ("scans", {"scan": known(Scan(status="analysed", critical=1, high=2))}, "failed",
     "scan_findings", "Open findings: 1 critical (allowed 0), 2 high (allowed 0)."),
    ("free", {"under_way": "rel-2222"}, "waiting", "under_way", "rel-2222 is under way"),
    ("free", {"lock": LockFact(holder="rel-2222", why="pods crash", by=None, since=START)},
     "failed", "locked", "held back since rel-2222 was rolled back: pods crash."),
    ("commits", {"held_back": (BAD,)}, "failed", "locked",
     "2.1.0 is held back since rel-2222 took it back in staging."),
    ("commits", {"held_back": (OTHER,), "seen": known((Seen(range=OTHER),))}, "failed",
     "bad_commits_unknown", "in staging can't be told: nobody knows the commit of 2.9.0."),
    ("commits", {"held_back": (OTHER,), "seen": known((held_by("1" * 40, "2" * 40),))}, "failed",
     "bad_commits", "which rel-2222 took back in staging: 1111111 “Work”, 2222222 “Work”."),
    ("commits", {"held_back": (OTHER,), "seen": known((held_by(*(n * 40 for n in "12345")),))},
     "failed", "bad_commits", "3333333 “Work” and 2 more."),
    ("cluster", {"cluster": known(cluster(missing=("Service x", "HTTPRoute y")))},
     "failed", "cluster_not_ready", "There is no Service x, no HTTPRoute y."),
    ("cluster", {"cluster": known(cluster(forbidden=("patch services",)))},
     "failed", "cluster_forbidden", "The bot may not patch services in production."),
    ("cluster", {"cluster": known(cluster(traffic=TrafficFact(weights={}, serving={})))},
     "failed", "cluster_not_ready", "neither slot is selected"),
    ("cluster", {"cluster": known(cluster(blue=slot("blue", ready=0)))},
     "failed", "cluster_not_ready", "blue has the traffic and no ready pod."),
]  # fmt: skip


@pytest.mark.parametrize(("gate", "seen", "status", "reason", "sentence"), CASES)
def test_the_answers(
    gate: str, seen: dict[str, Any], status: str, reason: str, sentence: str
) -> None:
    result = asked(gate, **seen)
    assert result is not None
    assert (result.status, result.reason) == (status, reason)
    assert sentence in result.sentence
    assert result.next_step


def test_gates_that_have_nothing_to_say_are_silent() -> None:
    assert asked("live") is None
    assert asked("live", cluster=SILENT) is None
    silent = known(cluster(traffic=TrafficFact(weights={}, serving={})))
    assert asked("live", live_version=None, cluster=silent) is None
    assert asked("promoted", promotion=None) is None
    assert asked("checks", changed={"checks": ()}) is None


def test_bad_commits_are_spoken_of_only_where_something_is_held_back() -> None:
    assert asked("commits") is None
    assert asked("commits", seen=SILENT) is None
    assert asked("commits", held_back=(OTHER,)) is None
    well = Seen(range=OTHER, commits=held_by("1" * 40).commits, since=Commits())
    told = asked("commits", held_back=(OTHER,), seen=known((well,)))
    assert told is not None
    assert (told.status, told.sentence) == ("passed", "without the bad commits of rel-2222")


def test_the_very_commit_under_another_tag_is_what_was_taken_back() -> None:
    tag = known(TagFact(tag=Tag(name="v2.1.0", commit="b" * 40)))
    other = BAD.model_copy(update={"version": "v2.1.0-rc.1"})
    told = asked("commits", held_back=(other,), tag=tag)
    assert told is not None
    assert told.reason == "locked"
    unchanged = other.model_copy(update={"good": "b" * 40})
    assert asked("commits", held_back=(unchanged,), tag=tag) is None


def test_a_lock_whose_commits_are_looked_at_holds_nothing_else() -> None:
    lock = LockFact(holder="rel-2222", why="pods crash", by=None, since=START)
    told = asked("free", lock=lock, held_back=(OTHER,))
    assert told is not None
    assert told.status == "passed"


def test_who_wrote_bad_commits_is_in_what_to_do_and_not_in_the_record() -> None:
    told = asked("commits", held_back=(OTHER,), seen=known((held_by("1" * 40),)))
    assert told is not None
    assert "ana" not in told.sentence
    assert told.next_step == (
        "Revert it (by ana), or when the cause is mended, an owner or responder presses Cause is "
        "mended on rel-2222."
    )


def test_a_policy_may_waive_scanning_by_name() -> None:
    scan = known(Scan(status="not_enabled"))
    result = asked("scans", changed={"scans": ScanThresholds(not_enabled="allow")}, scan=scan)
    assert result is not None
    assert (result.status, "the policy allows that" in result.sentence) == ("passed", True)


def test_a_limit_of_nothing_is_no_limit() -> None:
    scan = known(Scan(status="analysed", critical=9, high=9))
    limits = ScanThresholds(critical=None, high=None)
    result = asked("scans", changed={"scans": limits}, scan=scan)
    assert result is not None
    assert result.status == "passed"


def test_the_diff_is_told_as_far_as_it_is_known() -> None:
    back = Diff(commits=1, authors=("ana",), url="u", behind=3)
    told = asked("version", diff=known(back))
    assert told is not None
    assert "1 commit by 1 person, without 3 of those that run now" in told.sentence
    unknown = asked("version", diff=SILENT)
    assert unknown is not None
    assert "the diff is unknown: GitHub didn't answer for 20 s" in unknown.sentence
    first = asked("version", diff=known(None), live_version=None)
    assert first is not None
    assert "there is no diff" in first.sentence
    nobody = asked("version", diff=known(Diff(commits=0, authors=(), url="u")))
    assert nobody is not None
    assert "0 commits since 2.0.5" in nobody.sentence


def test_a_service_without_dependencies_says_so() -> None:
    result = asked("order", dependencies=())
    assert result is not None
    assert result.sentence == "needs no other service"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(12, "12 s"), (90, "1 min"), (3600, "1 h"), (5400, "1 h 30 min"), (93600, "26 h"),
     (200000, "2 days")],
)  # fmt: skip
def test_soak_times_in_words(seconds: int, text: str) -> None:
    from datetime import timedelta

    assert words(timedelta(seconds=seconds)) == text
