"""What GitHub shows beside a run that waits, and what the channel hears of unmanaged changes."""

from datetime import timedelta
from typing import Any

from inline_snapshot import snapshot

from bot.domain.gates.result import failed, waiting
from bot.domain.lifecycle import State
from bot.domain.protection import Ask, Case, Meant, Verdict, no
from bot.domain.reasons import Reason
from bot.domain.unmanaged import Change, Deployed, Sight
from bot.views.gate_answers import comment
from bot.views.unmanaged_lines import told
from tests.domain.facts import catalog
from tests.tester import REPO
from tests.views.releases import NOW, release

MEANT = Meant(service="payments", environment="production", version="v2.1.0")
ASK = Ask(
    key="k",
    repository=REPO,
    environment="production",
    run=4711,
    deployment=1,
    ref="main",
    commit="a" * 40,
    actor="ana",
)


def said(verdict: Verdict, of: Any = None, meant: Meant | None = MEANT) -> str:
    return comment(Case(ask=ASK, at=NOW, meant=meant), verdict, of)


def test_yes() -> None:
    running = release(State.RUNNING)
    assert said(Verdict(kind="approve"), running) == snapshot(
        "rel-7k3f, payments v2.1.0 to production: its gates passed, its approvals are given. The run goes on as its first step."
    )
    assert said(Verdict(kind="approve"), running, None) == snapshot(
        "rel-7k3f, payments v2.1.0 to production: this run is the release's own. Its gates passed, its approvals are given."
    )


def test_no_by_gates_names_nobody_by_a_slack_id() -> None:
    lock = failed("lock", Reason.LOCK_HELD, "<@U0DAN> holds payments locked: bank.", "Ask them.")
    verdict = Verdict(kind="reject", reason=Reason.LOCK_HELD, gates=(lock,))
    assert said(verdict, release(State.REFUSED, run=4711)) == snapshot(
        "rel-7k3f, payments v2.1.0 to production, is refused: lock: somebody holds payments locked: bank. Ask them. (lock_held)"
    )


def test_no_by_people() -> None:
    verdict = no(Reason.REJECTED_BY_PERSON, "rel-7k3f", "rejected")
    assert said(verdict, release(State.REJECTED)) == snapshot(
        "rel-7k3f, payments v2.1.0 to production, was rejected. Nothing was deployed by this run. (rejected_by_person)"
    )


def test_no_for_want_of_certainty_says_what_to_type() -> None:
    verdicts = (
        (no(Reason.UNKNOWN_NAME, "environment", "moon"), None),
        (no(Reason.UNKNOWN_NAME, "repository", "a/b", "production"), None),
        (no(Reason.DEPLOYMENT_UNCLEAR, "production", "orders", "payments"), None),
        (no(Reason.NOT_BY_WORKFLOW, "config", "v1.9.0", "production"), None),
        (no(Reason.REQUESTER_UNKNOWN, "mallory", "payments", "v2.1.0", "production"), MEANT),
        (no(Reason.NO_RIGHT, "dan", "payments", "v2.1.0", "production"), MEANT),
        (no(Reason.NOT_SET_UP, "payments"), MEANT),
        (no(Reason.COMMIT_DIFFERS, "v2.1.0", "aaaaaaa", "bbbbbbb"), MEANT),
    )
    assert [said(verdict, None, meant) for verdict, meant in verdicts] == snapshot(
        [
            'The catalogue has no environment "moon". Add it, or take the bot\'s rule off it at GitHub. (unknown_name)',
            "The catalogue has no service of a/b that runs in production. Add it, or take the bot's rule off that environment at GitHub. (unknown_name)",
            "It can't be told which service and version this brings to production. It may be of orders, payments. In Slack: /release SERVICE VERSION production (deployment_unclear)",
            "No workflow deploys config: the bot sets its image. In Slack: /release config v1.9.0 production (not_by_workflow)",
            "The catalogue's people have no GitHub login \"mallory\", so nobody's right can be checked. In Slack: /release payments v2.1.0 production (requester_unknown)",
            "dan may not release payments to production. In Slack: /release payments v2.1.0 production (no_right)",
            "The catalogue names no channel in which payments could be approved. In Slack: /release payments v2.1.0 production (not_set_up)",
            "v2.1.0 is commit bbbbbbb now, and this run is at aaaaaaa. In Slack: /release payments v2.1.0 production (commit_differs)",
        ]
    )


def test_waiting() -> None:
    window = waiting("window", Reason.OUTSIDE_WINDOW, "opens at 18:00.", next_step="It goes on.")
    approval = Verdict(kind="wait", reason=Reason.NEEDS_APPROVAL, gates=(window,))
    blocked = Verdict(kind="wait", reason=Reason.OUTSIDE_WINDOW, gates=(window,))
    assert [
        said(approval, release(State.AWAITING_APPROVAL)),
        said(blocked, release(State.BLOCKED)),
        said(Verdict(kind="wait"), release(State.QUEUED)),
    ] == snapshot(
        [
            "rel-7k3f, payments v2.1.0 to production, waits for approval in Slack. Then: window: opens at 18:00. It goes on. (needs_approval)",
            "rel-7k3f, payments v2.1.0 to production, waits. window: opens at 18:00. It goes on. (outside_window)",
            "rel-7k3f, payments v2.1.0 to production, is approved and about to start.",
        ]
    )


def change(**changes: Any) -> Change:
    base = Change(
        key="k",
        source="cluster",
        service="payments",
        environment="production",
        before=Sight(version="v2.0.5", image="quantivista/payments:v2.0.5", slot="blue"),
        after=Sight(image="quantivista/payments@sha256:abc", slot="blue"),
        seen_at=NOW,
        since=NOW - timedelta(minutes=3),
    )
    return base.model_copy(update=changes)


def test_a_change_in_the_cluster() -> None:
    assert told(change(), ("payments",), catalog()).text == snapshot("""\
! payments in production was changed past the bot.
Before: 2.0.5 (quantivista/payments:v2.0.5) on blue, by the ledger.
Now: quantivista/payments@sha256:abc on blue. Seen at <!date^1772643000^{time}|16:50 UTC>. Its pods run since <!date^1772642820^{time}|16:47 UTC>.
Kubernetes does not say who did it.
Next: put it back, or record that it is meant so: `/release adopt payments VERSION production`.\
""")


def test_split_traffic() -> None:
    split = change(after=Sight(shares="blue 50 %, green 50 %"), since=None)
    assert told(split, ("payments",), catalog()).text == snapshot("""\
! payments in production was changed past the bot.
Before: 2.0.5 (quantivista/payments:v2.0.5) on blue, by the ledger.
Now: traffic is blue 50 %, green 50 %. Seen at <!date^1772643000^{time}|16:50 UTC>.
Kubernetes does not say who did it.
Next: give one slot all the traffic again; if that is another than before, `/release adopt payments VERSION production`.\
""")


def test_a_deployment_that_may_be_several_services() -> None:
    went = Deployed(
        repository=REPO,
        environment="production",
        deployment=7,
        status=9,
        commit="a" * 40,
        ref="main",
        actor="<@U0ANA> & co",
        title="<!channel> & more",
        url="javascript:alert(1)",
    )
    seen = change(service="", source="github", deployed=went, before=Sight(), after=Sight())
    assert told(seen, ("orders", "payments"), catalog()).text == snapshot("""\
! orders or payments in production was changed past the bot.
Before: the ledger does not know.
Now: Deployment 7 of quantivista/platform deployed at aaaaaaa (main): "&lt;!channel&gt; &amp; more". Seen at <!date^1772643000^{time}|16:50 UTC>.
Started by &lt;@U0ANA&gt; &amp; co (GitHub). The bot was not asked: no release has to do with it.
Next: put it back, or record that it is meant so: `/release adopt SERVICE VERSION production`.\
""")
