"""What people read of approvals."""

from datetime import timedelta
from typing import Any

import pytest
from inline_snapshot import snapshot

from bot.domain.approving import Authorship, tally
from bot.domain.checklists import Tick
from bot.domain.evidence import Kind
from bot.domain.facts import Diff, PullRequest
from bot.domain.lending import Delegation
from bot.domain.lifecycle import State
from bot.domain.policies import Approvals
from bot.domain.releases import Again, EvidenceChange, Release
from bot.domain.severities import Severity
from bot.ports import Invocation
from bot.views import approval_lines, approval_refusals, forms
from tests.tester import ANA, BEN, CHANNEL, CY, DAN
from tests.views.releases import NOW, release, shown, yes


def asking(rules: dict[str, Any], **changes: Any) -> Release:
    """A release that waits for approvals of such rules."""
    made = release(State.AWAITING_APPROVAL, gates=(), **changes)
    asked = made.rules.model_copy(update={"approvals": Approvals(**rules)})
    return made.model_copy(update={"rules": asked})


NEEDS = {"security": 1, "owners": 2, "release-managers": 1}


@pytest.mark.parametrize(
    ("rules", "voters", "wanted"),
    [
        ({"count": 1}, [], snapshot("a person (0 of 1)")),
        (
            {"count": 1, "from": ["release-managers", "responders"]},
            [],
            snapshot("a release manager or responder (0 of 1)"),
        ),
        ({"needs": NEEDS}, [], snapshot("security, 2 owners and a release manager (0 of 4)")),
        (
            {"needs": NEEDS, "count": 6},
            [("security",)],
            snapshot("2 owners, a release manager and 2 people more (1 of 6)"),
        ),
        ({"needs": {"security": 1}, "count": 2}, [("owners",)], snapshot("security (1 of 2)")),
        ({"needs": {"security": 2}}, [], snapshot("2 people of security (0 of 2)")),
        (
            {"count": 2, "needs": {"security": 1}},
            [("security",)],
            snapshot("1 person more (1 of 2)"),
        ),
    ],
)
def test_whom_it_waits_for(
    rules: dict[str, Any], voters: list[tuple[str, ...]], wanted: str
) -> None:
    asked = asking(rules)
    votes = [
        yes(asked, f"U{n}").model_copy(update={"roles": roles}) for n, roles in enumerate(voters)
    ]
    found = tally(votes, asked.digest or "", asked.rules.approvals)
    words = approval_lines.needed(found, asked.rules.approvals)
    assert f"{words} ({found.have} of {found.need})" == wanted


def test_the_whole_card() -> None:
    diff = Diff(
        commits=73,
        authors=("ana", "dan"),
        url="https://github.test/q/p/compare/a...b",
        unlisted=3,
        pulls=tuple(PullRequest(number=n, title=f"Change <{n}>") for n in range(1, 13)),
    )
    asked = asking(
        {"count": 2, "from": ["release-managers"], "checklist": ["runbook read", "told"]},
        diff=diff,
        again=Again(release_id="rel-old1", differs=("its time is over", "a gate was overridden")),
        news=(
            EvidenceChange(
                kind=Kind.CONTAINER, tool="trivy", new={Severity.HIGH: 2, Severity.LOW: 0}, gone=3
            ),
        ),
    )
    votes = (
        yes(asked, BEN).model_copy(update={"for_user": ANA, "roles": ("release-managers",)}),
        yes(asked, CY).model_copy(update={"void": approval_lines.LOST}),
    )
    tick = Tick(release_id=asked.id, digest=asked.digest or "", item="told", user=DAN, at=NOW)
    assert shown(asked, votes=votes, ticks=(tick,)) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f
◷ Waiting for a release manager (1 of 2). Asked by <@U0ANA> at <!date^1772641800^{time}|16:30 UTC>. Expires at <!date^1772670600^{time}|00:30 UTC>.
! 73 commits: more than 50. Read the diff before you approve.
73 commits by ana, dan (3 commits more not listed) since the live version.
Pull requests: <https://github.test/q/p/pull/1|#1> Change &lt;1&gt; · <https://github.test/q/p/pull/2|#2> Change &lt;2&gt; · <https://github.test/q/p/pull/3|#3> Change &lt;3&gt; · <https://github.test/q/p/pull/4|#4> Change &lt;4&gt; · <https://github.test/q/p/pull/5|#5> Change &lt;5&gt; · <https://github.test/q/p/pull/6|#6> Change &lt;6&gt; · <https://github.test/q/p/pull/7|#7> Change &lt;7&gt; · <https://github.test/q/p/pull/8|#8> Change &lt;8&gt; · <https://github.test/q/p/pull/9|#9> Change &lt;9&gt; · <https://github.test/q/p/pull/10|#10> Change &lt;10&gt; · 2 more
Reports, against those of the live version: container (trivy) 2 new high, 3 gone.
◷ The approval of rel-old1 does not cover this: its time is over; a gate was overridden.
✓ Approved by <@U0BEN> for <@U0ANA>.
! The approval of <@U0CY> is void: they don't have the role any more. Another is needed.
Before Approve counts (1 of 2 open):
☐ runbook read
☑ told, <@U0DAN>
Then: deploy to green · health · smoke · 100 % · watch 30 s.
[☐☑ release:checklist]
[Approve release:approve=rel-7k3f:14dfe46b] [Reject release:reject=rel-7k3f:14dfe46b] [Cancel release:cancel=rel-7k3f] [⋯ Details Approve with comment… Reject with comment…]\
""")


def test_what_the_thread_says() -> None:
    asked = asking({"count": 2, "from": ["release-managers"]})
    vote = yes(asked)
    lent = vote.model_copy(update={"for_user": ANA, "comment": "  looks\n<!here> fine  "})
    found = tally([vote], asked.digest or "", asked.rules.approvals)
    whole = found.model_copy(update={"have": 2})
    lending = Delegation(
        key="k",
        lender=ANA,
        to=BEN,
        environment="production",
        since=NOW,
        until=NOW + timedelta(days=1),
        reason="<away>",
    )
    assert [
        approval_lines.approved(vote, found),
        approval_lines.approved(lent, whole),
        approval_lines.rejected(lent),
        approval_lines.void(lent.model_copy(update={"void": approval_lines.LOST})),
        approval_lines.used_again("rel-old1", [BEN, CY]),
        approval_lines.reminder(asked, found, [CY], NOW),
        approval_lines.reminder(asked, found, [], NOW),
        approval_lines.ticked(ANA, ["told"], 1),
        approval_lines.ticked(ANA, ["told", "a <b>"], 0),
        approval_lines.unticked(ANA, ["told"]),
        approval_lines.lent(lending, NOW),
        approval_lines.taken_back(ANA, BEN, "production"),
        approval_lines.delegations([lending], NOW),
        approval_lines.delegations([], NOW),
    ] == snapshot(
        [
            "✓ <@U0BEN> approved plan 14dfe46b. 1 of 2.",
            "✓ <@U0BEN> for <@U0ANA> approved plan 14dfe46b. They say: looks &lt;!here&gt; fine",
            "✗ <@U0BEN> for <@U0ANA> rejected this. Nothing was changed. They say: looks &lt;!here&gt; fine",
            "! The approval of <@U0BEN> (its right was <@U0ANA>'s) is void: they don't have the role any more. Another is needed.",
            "✓ Approval of rel-old1 by <@U0BEN>, <@U0CY> used again: the same commits, plan, policy and reports.",
            "◷ Still waiting for a release manager (1 of 2). It expires at <!date^1772670600^{time}|00:30 UTC>. <@U0CY> can.",
            "◷ Still waiting for a release manager (1 of 2). It expires at <!date^1772670600^{time}|00:30 UTC>. Nobody else has that role: the catalogue says who.",
            '✓ <@U0ANA> ticked "told". 1 item to go.',
            '✓ <@U0ANA> ticked "told", "a &lt;b&gt;". The checklist is done.',
            '◷ <@U0ANA> took the tick from "told".',
            "<@U0ANA> lends <@U0BEN> the right to approve in production until <!date^1772729400^{date_short_pretty} {time}|5 Mar 16:50 UTC>. &lt;away&gt;",
            "<@U0BEN> can't approve in production for <@U0ANA> any more. What they approved stays approved.",
            "<@U0ANA> lends <@U0BEN> the right to approve in production until <!date^1772729400^{date_short_pretty} {time}|5 Mar 16:50 UTC>. &lt;away&gt;",
            "Nobody has lent the right to approve. `/release help delegate` says how.",
        ]
    )


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (
            "author",
            snapshot(
                "You can't approve this: commits of dan (<@U0DAN>) are in it. Somebody else has to."
            ),
        ),
        (
            "no_login",
            snapshot(
                "rel-7k3f takes a person who has no commit in it, and the catalogue ties no GitHub login to <@U0DAN>. Put it under `people` in the catalogue."
            ),
        ),
        (
            "unknown",
            snapshot(
                "rel-7k3f takes a person who has no commit in it, and what changed since the live version is not known. Once GitHub answers, `/release cancel rel-7k3f` and ask again."
            ),
        ),
        (
            "unlisted",
            snapshot(
                "rel-7k3f takes a person who has no commit in it, and GitHub doesn't list 50 commits of it. Release in smaller steps, or let the policy say not_an_author: false."
            ),
        ),
        (
            "unlinked",
            snapshot(
                "rel-7k3f takes a person who has no commit in it, and 1 commit of it belongs to no GitHub account. Once its author has added the address to theirs, `/release cancel rel-7k3f` and ask again."
            ),
        ),
    ],
)
def test_why_an_author_may_not(found: Authorship, wanted: str) -> None:
    diff = Diff(commits=300, authors=("dan",), url="", unlisted=50, unlinked=1)
    asked = asking({"not_an_author": True}, diff=diff)
    assert approval_refusals.author(found, asked, DAN, "dan").sentence == wanted


def test_refusals() -> None:
    asked = asking({"checklist": ["told", "a <b>"]})
    lent = yes(asked).model_copy(update={"for_user": ANA})
    assert [
        approval_refusals.checklist_open(asked, ["told"]).sentence,
        approval_refusals.checklist_open(asked, ["told", "a <b>"]).sentence,
        approval_refusals.people_only("approve").sentence,
        approval_refusals.right_used(lent).sentence,
        approval_refusals.not_lendable("you have it yourself.").sentence,
        approval_refusals.no_form("approve", "rel-7k3f", "3f9c27ab").sentence,
    ] == snapshot(
        [
            'Not yet: 1 item of rel-7k3f\'s checklist is open: "told". Tick them on the card, then approve.',
            'Not yet: 2 items of rel-7k3f\'s checklist are open: "told", "a &lt;b&gt;". Tick them on the card, then approve.',
            "Only a person can approve here: the policy says people_only. Say it yourself, with the command.",
            "The right of <@U0ANA> was used for this plan already: it counts once.",
            "That right can't be lent: you have it yourself.",
            "Slack didn't open the form. `/release approve rel-7k3f 3f9c27ab YOUR COMMENT` says the same.",
        ]
    )


def click(value: str, action: str = "release:details") -> Invocation:
    return Invocation(
        key="k", kind="click", user=BEN, channel=CHANNEL, team="T", action=action, value=value
    )


def test_a_form_is_opened_by_its_own_entry_only() -> None:
    _, value = forms.option("reject", "rel-7k3f", "3f9c27ab")
    form = forms.asked_for(click(value))
    assert form is not None
    assert form["callback_id"] == "release:reject"
    assert form["private_metadata"] == f"rel-7k3f:3f9c27ab:{CHANNEL}"
    assert forms.asked_for(click("rel-7k3f")) is None
    assert forms.asked_for(click(value, "release:approve")) is None
    assert forms.asked_for(click("rel-7k3f:3f9c27ab:destroy")) is None
