"""The card in every state, as people see it."""

from datetime import timedelta

from inline_snapshot import snapshot

from bot.domain.facts import Known, Unknown
from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.domain.releases import Progress
from tests.domain.facts import facts
from tests.tester import BEN, DAN
from tests.views.releases import NOW, release, shown, yes
from tests.virtual import START


def test_while_the_gates_are_asked() -> None:
    fresh = release(State.GATHERING, gates=(), plan_text=None)
    assert shown(fresh) == snapshot("""\
payments 2.1.0 · production · rel-7k3f
◷ Asking the gates. Asked by <@U0ANA> at <!date^1772641800^{time}|16:30 UTC>.
[Cancel release:cancel=rel-7k3f] [⋯ Details]\
""")


def test_blocked_says_which_gate_and_what_to_do() -> None:
    seen = facts(checks=Known(value=()), scan=Unknown(why="GitHub didn't answer for 20 s"))
    blocked = release(State.BLOCKED, seen=seen)
    blocked = blocked.model_copy(update={"detail": blocked.gates[0].sentence})
    assert shown(blocked) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✗ Not yet: 2 of 7 gates say no. Asked by <@U0ANA> at <!date^1772641800^{time}|16:30 UTC>. It waits until <!date^1772670600^{time}|00:30 UTC>.
✗ *checks* unit-tests, e2e never ran on this commit. Run CI on the tag's commit, then press Retry.
✗ *scans* unknown: GitHub didn't answer for 20 s. It is asked again each minute, or press Retry.
✓ *version* v2.1.0 is abc123d, 12 commits by 2 people since 2.0.5 <https://x|diff>
✓ *order* config 1.9.2 runs in production
✓ *promoted* 26 h in staging (1 h needed)
✓ *free* nothing else under way
✓ *cluster* blue is live with 3 of 3 pods
Then: deploy to green · health · smoke · 100 % · watch 30 s.
[Retry release:retry=rel-7k3f] [Cancel release:cancel=rel-7k3f] [⋯ Details]\
""")


def test_waiting_for_approval() -> None:
    waiting = release(State.AWAITING_APPROVAL, expected_seconds=720)
    assert shown(waiting, votes=(yes(waiting),)) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
◷ Waiting for a release manager (1 of 1). Asked by <@U0ANA> at <!date^1772641800^{time}|16:30 UTC>. Expires at <!date^1772670600^{time}|00:30 UTC>.
✓ *version* v2.1.0 is abc123d, 12 commits by 2 people since 2.0.5 <https://x|diff>
✓ *order* config 1.9.2 runs in production
✓ *promoted* 26 h in staging (1 h needed)
✓ *checks* unit-tests, e2e green
✓ *scans* 0 critical, 0 high, 3 medium, 0 low
✓ *free* nothing else under way
✓ *cluster* blue is live with 3 of 3 pods
12 commits by ana, dan since the live version.
✓ Approved by <@U0BEN>.
Then: deploy to green · health · smoke · 100 % · watch 30 s. About 12 min.
[Approve release:approve=rel-7k3f:14dfe46b] [Reject release:reject=rel-7k3f:14dfe46b] [Cancel release:cancel=rel-7k3f] [⋯ Details Approve with comment… Reject with comment…]\
""")


def test_queued() -> None:
    assert shown(release(State.QUEUED)) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
◷ Approved, about to start. Asked by <@U0ANA> at <!date^1772641800^{time}|16:30 UTC>.
✓ 7 checks passed
Then: deploy to green · health · smoke · 100 % · watch 30 s.
[Cancel release:cancel=rel-7k3f] [⋯ Details]\
""")


def test_each_step_while_it_runs() -> None:
    steps = release(State.RUNNING).steps()
    told = [shown(release(State.RUNNING, step=n)).splitlines()[1] for n in range(len(steps) + 1)]
    assert told == snapshot(
        [
            "deploy.yml brings 2.1.0 to green.",
            "Setting 2.1.0 on green.",
            "Waiting for green's pods.",
            "Smoke tests on green.",
            "Moving traffic: 100 % to green.",
            "Watching, 0 % on green.",
            "Settling.",
            "Settling.",
        ]
    )


def test_running_with_traffic_and_a_fault_outside() -> None:
    progress = Progress(
        step=4,
        moved=True,
        weight=100,
        note="3 of 3 pods ready",
        trouble="GitHub gave no answer for 20 s",
        run_url="https://github.test/runs/1",
    )
    assert shown(release(State.RUNNING, progress=progress)) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
Moving traffic: 100 % to green: 3 of 3 pods ready. ◷ GitHub gave no answer for 20 s; it goes on by itself.
`████████████████████` 100 % on green · <https://github.test/runs/1|run>
✓ 7 checks passed
[Pause release:pause=rel-7k3f] [Roll back? release:rollback=rel-7k3f] [⋯ Details]\
""")


def test_held() -> None:
    held = release(State.PAUSED, moved=100, detail="green has 25 % and nobody here set that.")
    assert shown(held) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
! Held: green has 25 % and nobody here set that. Resume goes on from what is there.
`████████████████████` 100 % on green
✓ 7 checks passed
[Resume release:resume=rel-7k3f] [Roll back? release:rollback=rel-7k3f] [⋯ Details]\
""")


def test_going_back() -> None:
    back = release(
        State.ROLLING_BACK,
        progress=Progress(track="undo", moved=True, weight=25, note="waiting for the endpoints"),
        reason=Reason.PODS_CRASH,
        detail="Green pod payments-green-1 crashes again and again (CrashLoopBackOff).",
    )
    assert shown(back) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
↩ Green pod payments-green-1 crashes again and again (CrashLoopBackOff). Going back. Moving traffic: 100 % to blue: waiting for the endpoints.
`█████░░░░░░░░░░░░░░░` 25 % on green
✓ 7 checks passed
[⋯ Details]\
""")


def test_going_back_and_stuck() -> None:
    stuck = release(
        State.ROLLING_BACK,
        progress=Progress(track="undo", moved=True, weight=100),
        needs_attention=True,
        detail="blue has 0 of 3 pods ready.",
    )
    assert shown(stuck) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
! Going back can't finish: blue has 0 of 3 pods ready. It keeps trying.
By hand: `kubectl --context main -n production patch service payments -p '{"spec":{"selector":{"slot":"blue"}}}'`
`████████████████████` 100 % on green
✓ 7 checks passed
[Retry release:retry=rel-7k3f] [Repaired by hand release:repaired=rel-7k3f] [⋯ Details]\
""")


def test_live_with_an_instant_way_back() -> None:
    done = release(
        State.SUCCEEDED,
        live_since=START + timedelta(minutes=16),
        ended_at=NOW,
        window_until=NOW + timedelta(hours=1),
    )
    assert shown(done) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✓ Live since <!date^1772642760^{time}|16:46 UTC>, in 11 min.
Instant rollback until <!date^1772646600^{time}|17:50 UTC>: 2.0.5 still runs on blue.
[Roll back? release:rollback=rel-7k3f] [⋯ Details]\
""")


def test_live_and_the_way_back_has_changed() -> None:
    done = release(State.SUCCEEDED, live_since=START, ended_at=START, window_until=START)
    assert shown(done) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✓ Live since <!date^1772641800^{time}|16:30 UTC>, in 0.0 s.
Going back to 2.0.5 takes a release now: deploy, health, traffic step by step. Roll back begins it.
[Roll back? release:rollback=rel-7k3f] [⋯ Details]\
""")
    assert shown(done, newer=done.model_copy(update={"id": "rel-9m2x"})) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✓ Live since <!date^1772641800^{time}|16:30 UTC>, in 0.0 s.
The way back is closed: rel-9m2x started after this.
[⋯ Details]\
""")
    assert shown(done.model_copy(update={"undone_by": "rel-9m2x"})) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✓ Live since <!date^1772641800^{time}|16:30 UTC>, in 0.0 s. Rolled back by rel-9m2x.
[⋯ Details]\
""")


def test_the_other_endings() -> None:
    told = {}
    for state in (
        State.ROLLED_BACK,
        State.FAILED,
        State.CANCELLED,
        State.REJECTED,
        State.EXPIRED,
        State.REFUSED,
        State.ABANDONED,
    ):
        locks = state is State.ROLLED_BACK
        ended = release(state, ended_at=NOW, acted_by=DAN, acted_at=NOW, locks=locks)
        told[state.value] = shown(ended)
    assert told == snapshot(
        {
            "rolled_back": """\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
↩ Rolled back by <@U0DAN> at <!date^1772643000^{time}|16:50 UTC>. 2.0.5 serves on blue.
! 2.1.0 is held back in production, and its commits elsewhere.
[Cause is mended release:mended=rel-7k3f] [⋯ Details]\
""",
            "failed": """\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✗ Failed at <!date^1772643000^{time}|16:50 UTC>, before traffic moved.
[⋯ Details]\
""",
            "cancelled": """\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✗ Cancelled by <@U0DAN> at <!date^1772643000^{time}|16:50 UTC>. Traffic was not touched.
[⋯ Details]\
""",
            "rejected": """\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✗ Rejected by <@U0DAN> at <!date^1772643000^{time}|16:50 UTC>. Nothing was changed.
[⋯ Details]\
""",
            "expired": """\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✗ Expired at <!date^1772643000^{time}|16:50 UTC>: nobody approved it in time. Nothing was changed.
[⋯ Details]\
""",
            "refused": """\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✗ Refused at <!date^1772643000^{time}|16:50 UTC>: it stayed blocked until its time was over.
[⋯ Details]\
""",
            "abandoned": """\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
! Abandoned by <@U0DAN> at <!date^1772643000^{time}|16:50 UTC>. Look at the cluster before the next release.
[⋯ Details]\
""",
        }
    )


def test_a_rollback_of_a_finished_release() -> None:
    back = release(
        State.SUCCEEDED,
        kind="rollback",
        ended_at=NOW,
        live_since=NOW,
        locks=True,
        acted_by=BEN,
        undoes="rel-2b2b",
    )
    assert shown(back) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rollback · rel-7k3f
↩ Live since <!date^1772643000^{time}|16:50 UTC>, in 15 min.
! 2.0.5 is held back in production, and its commits elsewhere.
[Cause is mended release:mended=rel-7k3f] [⋯ Details]\
""")
