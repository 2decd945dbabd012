"""An emergency as people see it: on the card, in the security channel, in reminders."""

from datetime import timedelta
from typing import Any

from inline_snapshot import snapshot

from bot.domain.emergency import Review, override
from bot.domain.facts import Known
from bot.domain.gates import evaluate_all
from bot.domain.lifecycle import State
from bot.domain.policies import Emergency, ReviewRules
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.requests import Asker
from bot.views import emergency_lines
from tests.domain.facts import REQUEST, facts, rules
from tests.tester import BEN, CHANNEL, DAN
from tests.views.releases import NOW, read, release, shown
from tests.virtual import START

WHY = "Checkout is down <!channel>"
RULES = rules().model_copy(
    update={
        "emergency": Emergency(
            passes=("checks",),
            roles=("responders",),
            channel="C0SEC",
            review=ReviewRules(roles=("security-team",)),
        ),
        "usual_approvals": 1,
        "approvals": rules().approvals.model_copy(update={"count": 0}),
    }
)
REVIEW = Review(
    release_id="rel-7k3f",
    channel="C0SEC",
    roles=("security-team",),
    asked_at=START,
    due_at=START + timedelta(days=1),
)
DONE = REVIEW.model_copy(
    update={"done_at": NOW, "done_by": BEN, "comment": "Needed & right", "next_at": None}
)


def emergency(state: State = State.RUNNING, **changes: Any) -> Release:
    seen = facts(checks=Known(value=()))
    gates = override(evaluate_all(REQUEST, seen, RULES), RULES, DAN, WHY)
    said: dict[str, Any] = {
        "request": REQUEST.model_copy(update={"emergency": True, "reason": WHY}),
        "asker": Asker(user=DAN, channel=CHANNEL),
        "rules": RULES,
        "gates": gates,
    }
    return release(state, seen=seen, **(said | changes))


def test_the_card_while_it_is_about_to_start() -> None:
    assert shown(emergency(State.QUEUED), review=REVIEW) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
◷ About to start. Asked by <@U0DAN> at <!date^1772641800^{time}|16:30 UTC>.
! *EMERGENCY* by <@U0DAN>: Checkout is down &lt;!channel&gt;. Overridden: checks, approvals.
! *checks* unit-tests, e2e never ran on this commit. Overridden by <@U0DAN>: Checkout is down &lt;!channel>
! *approvals* 0 of the usual 1 needed. Overridden by <@U0DAN>: Checkout is down &lt;!channel>
✓ 6 checks passed
Then: deploy to green · health · smoke · 100 % · watch 30 s.
◷ Review is due by <!date^1772728200^{date_short_pretty} {time}|5 Mar 16:30 UTC>, by security team.
[Cancel release:cancel=rel-7k3f] [⋯ Details]\
""")


def test_the_card_when_it_is_reviewed() -> None:
    over = emergency(State.SUCCEEDED, reason=Reason.DONE, live_since=NOW, ended_at=NOW)
    assert shown(over, review=DONE) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
✓ Live since <!date^1772643000^{time}|16:50 UTC>, in 15 min.
! *EMERGENCY* by <@U0DAN>: Checkout is down &lt;!channel&gt;. Overridden: checks, approvals.
Going back to 2.0.5 takes a release now: deploy, health, traffic step by step. Roll back begins it.
✓ Reviewed by <@U0BEN> at <!date^1772643000^{time}|16:50 UTC>: Needed &amp; right
[Roll back? release:rollback=rel-7k3f] [⋯ Details]\
""")


def test_an_erased_reason_leaves_the_mark() -> None:
    gone = emergency()
    gone = gone.model_copy(update={"request": gone.request.model_copy(update={"reason": None})})
    assert emergency_lines.mark(gone) == snapshot("""\

! *EMERGENCY* by <@U0DAN>: (erased). Overridden: checks, approvals.\
""")


def test_no_other_release_is_marked() -> None:
    assert emergency_lines.mark(release(State.RUNNING)) == ""


def test_the_announcement() -> None:
    told = emergency_lines.announced(emergency(), REVIEW, NOW, asked=True)
    assert read(told) == snapshot("""\
! *EMERGENCY: payments 2.1.0 · production · rel-7k3f*
<@U0DAN> broke the glass at <!date^1772641800^{time}|16:30 UTC>: Checkout is down &lt;!channel&gt;.
Overridden:
! *checks* unit-tests, e2e never ran on this commit.
! *approvals* 0 of the usual 1 needed.
Review is due by <!date^1772728200^{date_short_pretty} {time}|5 Mar 16:30 UTC>, by security team, whatever the ending. The button, or `/release review rel-7k3f "comment"`, when it has ended.
[Review release:reviewed=rel-7k3f]\
""")


def test_the_announcement_where_nothing_is_overridden_or_known() -> None:
    plain = emergency(gates=())
    said = [
        emergency_lines.announced(plain, REVIEW, NOW, asked=asked).text.split("\n")[2]
        for asked in (True, False)
    ]
    assert said == snapshot(
        [
            "No gate is overridden so far.",
            "The gates have not answered yet. What is overridden is told here.",
        ]
    )


def test_what_is_overridden_later() -> None:
    told = emergency_lines.also_overridden(emergency(), {"order": "config is 1 now."})
    assert read(told) == snapshot("""\
! rel-7k3f payments: overridden too:
! *order* config is 1 now.\
""")


def test_reminders() -> None:
    early = emergency_lines.nag(emergency(), REVIEW, NOW)
    late = emergency_lines.nag(emergency(gates=()), REVIEW, REVIEW.due_at + timedelta(hours=4))
    assert read(early) == snapshot("""\
! The review of rel-7k3f is due by <!date^1772728200^{date_short_pretty} {time}|5 Mar 16:30 UTC>: payments 2.1.0 in production, emergency of <@U0DAN>: Checkout is down &lt;!channel&gt;.
Overridden: checks, approvals. It is for security team to do.
[Review release:reviewed=rel-7k3f]\
""")
    assert read(late) == snapshot("""\
! The review of rel-7k3f was due by <!date^1772728200^{time}|16:30 UTC>: payments 2.1.0 in production, emergency of <@U0DAN>: Checkout is down &lt;!channel&gt;.
No gate was overridden. It is for security team to do.
[Review release:reviewed=rel-7k3f]\
""")


def test_the_review_is_told() -> None:
    assert read(emergency_lines.reviewed(emergency(), DONE, NOW)) == snapshot(
        "payments in production, rel-7k3f. ✓ Reviewed by <@U0BEN> at <!date^1772643000^{time}|16:50 UTC>: Needed &amp; right"
    )
