"""Every line of the thread."""

from datetime import timedelta

from inline_snapshot import snapshot

from bot.domain.facts import PodTrouble
from bot.domain.lifecycle import State
from bot.domain.planning import build_plan
from bot.views import lines
from tests.domain.facts import REQUEST, facts, rules, slot
from tests.tester import ANA, DAN
from tests.views.releases import NOW, release
from tests.virtual import START

DIGEST = "3f9c0d1e2a2b3c4d"
RUN = "https://github.test/runs/4711"


def test_what_people_did() -> None:
    assert [
        lines.cancelled(ANA),
        lines.cancelling(ANA),
        lines.rollback_asked(DAN),
        lines.resumed(DAN),
        lines.repaired(DAN, "blue has the traffic, 3 of 3 pods ready."),
        lines.mended(ANA, release(State.ROLLED_BACK)),
        lines.undone("rel-9m2x", DAN),
    ] == snapshot(
        [
            "✗ <@U0ANA> cancelled this. Nothing was changed.",
            "↩ <@U0ANA> cancelled this. Traffic was not touched; the idle slot is put back.",
            "↩ <@U0DAN> asked to roll back.",
            "✓ <@U0DAN> resumed it from what is there now.",
            "✓ <@U0DAN> repaired it by hand. blue has the traffic, 3 of 3 pods ready.",
            "✓ <@U0ANA> says that the cause is mended. 2.1.0 and its commits can be released again, everywhere.",
            "↩ Rolled back by <@U0DAN> in rel-9m2x.",
        ]
    )


def test_how_the_work_went() -> None:
    plan = build_plan(REQUEST, rules(), facts())
    assert plan
    live = release(State.SUCCEEDED, live_since=START + timedelta(minutes=16, seconds=52))
    assert [
        lines.started(plan),
        lines.run_started("deploy.yml", 4711, RUN),
        lines.run_finished("deploy.yml", 4711, RUN, timedelta(seconds=190)),
        lines.run_finished("deploy.yml", 4711, RUN, None),
        lines.deployed("v2.1.0", "green"),
        lines.pods_ready("v2.1.0", slot("green"), "green"),
        lines.smoke_passed(42, 42, RUN),
        lines.smoke_passed(None, None, RUN),
        lines.shifted(10, "green", START, NOW),
        lines.baked(10, slot("green"), 300),
        lines.succeeded(live, NOW),
    ] == snapshot(
        [
            "✓ Started: 2.1.0 goes to green; blue keeps the traffic.",
            "✓ deploy.yml <https://github.test/runs/4711|run 4711> was started.",
            "✓ deploy.yml <https://github.test/runs/4711|run 4711> finished in 3 min 10 s.",
            "✓ deploy.yml <https://github.test/runs/4711|run 4711> finished.",
            "✓ 2.1.0 is set on green.",
            "✓ 2.1.0 is on green, 3 of 3 pods ready.",
            "✓ <https://github.test/runs/4711|Smoke>: 42 of 42 tests passed.",
            "✓ <https://github.test/runs/4711|Smoke> passed. It left no test counts.",
            "✓ 10 % on green since <!date^1772641800^{time}|16:30 UTC>.",
            "✓ 10 % held for 5 min: 3 of 3 pods ready.",
            "✓ 2.1.0 is live since <!date^1772642812^{time}|16:46 UTC>, in 11 min 52 s.",
        ]
    )


def test_what_went_wrong_and_back() -> None:
    bad, plan = release(State.ROLLED_BACK), build_plan(REQUEST, rules(), facts())
    assert plan
    assert [
        lines.blocked("config is 1.8.0 now, and this needs >=1.9."),
        lines.plan_changed("v2.1.0 is another commit now"),
        lines.ran_out(approval=True),
        lines.ran_out(approval=False),
        lines.undoing("deploy.yml run 4711 failed.", plan, moved=False),
        lines.undoing("Green lost 2 of 3 pods.", plan, moved=True),
        lines.traffic_back("blue", NOW, NOW, NOW - timedelta(seconds=0.4)),
        lines.traffic_back("blue", START - timedelta(days=1), NOW, None),
        lines.old_slot_serves(slot("blue"), "blue"),
        lines.slot_restored("green"),
        lines.held_back(bad, ["@ana", "@dan"]),
        lines.held_back(bad, []),
        lines.held("green has 25 % and nobody here set that."),
        lines.attention("blue has 0 of 3 pods ready.", "kubectl patch service payments"),
    ] == snapshot(
        [
            "◷ Blocked: config is 1.8.0 now, and this needs &gt;=1.9.",
            "! The plan changed: v2.1.0 is another commit now. Approvals of the old plan are void.",
            "✗ Nobody approved in time. Nothing was changed. Ask again when it suits.",
            "✗ It stayed blocked until its time was over. Nothing was changed. Ask again when it suits.",
            "✗ deploy.yml run 4711 failed. No traffic had moved; the slot is put back.",
            "✗ Green lost 2 of 3 pods. Traffic goes back first.",
            "↩ Traffic is back on blue since <!date^1772643000^{time}|16:50 UTC>, 0.4 s after the decision.",
            "↩ Traffic is back on blue since <!date^1772555400^{date_short_pretty} {time}|3 Mar 16:30 UTC>.",
            "✓ Blue serves: 3 of 3 pods ready.",
            "✓ Green is as it was before.",
            "! 2.1.0 is held back in production, and its commits elsewhere. @ana @dan: your commits are in it.",
            "! 2.1.0 is held back in production, and its commits elsewhere.",
            "! Held: green has 25 % and nobody here set that. Look at it, then Resume or Roll back.",
            "! The rollback can't finish: blue has 0 of 3 pods ready. It keeps trying. By hand: `kubectl patch service payments`",
        ]
    )


def test_what_is_wrong_with_a_pod() -> None:
    troubles = [
        PodTrouble(pod="payments-green-1", word="CrashLoopBackOff", message="back-off 10s."),
        PodTrouble(pod="payments-green-2", word="ImagePullBackOff", message=""),
        PodTrouble(pod="payments-green-3", word="SomethingNew", message="<!channel> look"),
    ]
    assert [lines.pod_trouble("green", trouble) for trouble in troubles] == snapshot(
        [
            "Green pod payments-green-1 crashes again and again (CrashLoopBackOff: back-off 10s).",
            "Green pod payments-green-2 can't pull its image (ImagePullBackOff).",
            "Green pod payments-green-3 does not become ready (SomethingNew: <!channel> look).",
        ]
    )
