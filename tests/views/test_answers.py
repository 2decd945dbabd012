"""Answers to one person, and refusals."""

from datetime import timedelta

import pytest
from inline_snapshot import snapshot

from bot.domain.catalog_changes import Change
from bot.domain.facts import Known, LedgerFact, LockFact
from bot.domain.gates import evaluate_all
from bot.domain.lifecycle import State
from bot.domain.planning import build_plan
from bot.errors import UserError
from bot.views import answers, catalog_news, refusals
from tests.domain.facts import REQUEST, facts, rules
from tests.tester import BEN, CY, DAN
from tests.views.releases import NOW, read, release, yes
from tests.virtual import START


def test_a_dry_run() -> None:
    good = facts()
    plan = build_plan(REQUEST, rules(), good)
    gates = evaluate_all(REQUEST, good, rules())
    assert read(answers.planned(REQUEST, gates, plan, good.diff.value)) == snapshot("""\
*payments 2.0.5 → 2.1.0 · production · plan only*
✓ Every gate lets it pass, now or in time.
✓ *version* v2.1.0 is abc123d, 12 commits by 2 people since 2.0.5 <https://x|diff>
✓ *order* config 1.9.2 runs in production
✓ *promoted* 26 h in staging (1 h needed)
✓ *checks* unit-tests, e2e green
✓ *scans* 0 critical, 0 high, 3 medium, 0 low
✓ *free* nothing else under way
✓ *cluster* blue is live with 3 of 3 pods
Then: deploy to green · health · smoke · 100 % · watch 30 s.
Plan 14dfe46b.
`/release payments v2.1.0 production` asks for it.\
""")
    bad = facts(checks=Known(value=()))
    refused = evaluate_all(REQUEST, bad, rules())
    assert read(answers.planned(REQUEST, refused, None, None)) == snapshot("""\
*payments 2.1.0 · production · plan only*
✗ 1 of 7 gates would refuse it.
✗ *checks* unit-tests, e2e never ran on this commit. Run CI on the tag's commit, then press Retry.
✓ *version* v2.1.0 is abc123d, 12 commits by 2 people since 2.0.5
✓ *order* config 1.9.2 runs in production
✓ *promoted* 26 h in staging (1 h needed)
✓ *scans* 0 critical, 0 high, 3 medium, 0 low
✓ *free* nothing else under way
✓ *cluster* blue is live with 3 of 3 pods
`/release payments v2.1.0 production` asks for it.\
""")


def test_what_is_under_way() -> None:
    running = [release(State.RUNNING), release(State.AWAITING_APPROVAL, id="rel-2b2b")]
    assert read(answers.under_way(running, NOW)) == snapshot("""\
2 under way.
*payments 2.0.5 → 2.1.0 · production · rel-7k3f*
deploy.yml brings 2.1.0 to green.
*payments 2.0.5 → 2.1.0 · production · rel-2b2b*
◷ Waiting for a release manager (0 of 1). Asked by <@U0ANA> at <!date^1772641800^{time}|16:30 UTC>. Expires at <!date^1772670600^{time}|00:30 UTC>.\
""")
    assert read(answers.under_way([], NOW)) == snapshot(
        "Nothing is under way. `/release history` shows what was."
    )


def test_one_place() -> None:
    ran = LedgerFact(version="v2.0.5", commit=None, slot="blue", since=START, source="released")
    lock = LockFact(holder="rel-9m2x", why="2.1.0 was taken back", by=DAN, since=START)
    known = answers.Place("payments", "production", ran, "Blue has the traffic.", lock)
    unknown = answers.Place("payments", "production", None, "The cluster gave no answer.", None)
    last = [release(State.FAILED, ended_at=START, detail="deploy.yml run 4711 failed.")]
    assert read(answers.place_status(known, last, NOW)) == snapshot("""\
*payments · production*
Blue has the traffic.
The ledger has 2.0.5 on blue since <!date^1772641800^{time}|16:30 UTC> (released).
! Held back since rel-9m2x was rolled back by <@U0DAN>: 2.1.0 was taken back. A version without the bad commits, or with their revert, passes.
payments 2.0.5 → 2.1.0 · production · rel-7k3f: ✗ Failed at <!date^1772641800^{time}|16:30 UTC>, before traffic moved. deploy.yml run 4711 failed.\
""")
    assert read(answers.place_status(unknown, [], NOW)) == snapshot("""\
*payments · production*
The cluster gave no answer.
The ledger has nothing of it yet.\
""")


def test_history() -> None:
    rows = [
        release(State.SUCCEEDED, live_since=START, ended_at=NOW),
        release(State.REJECTED, id="rel-2b2b", ended_at=START, acted_by=BEN),
    ]
    assert read(answers.history(rows, NOW, "")) == snapshot("""\
<!date^1772641800^{time}|16:30 UTC> *payments 2.0.5 → 2.1.0 · production · rel-7k3f* by <@U0ANA>
    ✓ Live since <!date^1772641800^{time}|16:30 UTC>, in 0.0 s.
<!date^1772641800^{time}|16:30 UTC> *payments 2.0.5 → 2.1.0 · production · rel-2b2b* by <@U0ANA>
    ✗ Rejected by <@U0BEN> at <!date^1772641800^{time}|16:30 UTC>. Nothing was changed.\
""")
    assert read(answers.history([], NOW, " of payments")) == snapshot(
        "The bot has released nothing of payments yet."
    )


def test_details_show_all_of_it() -> None:
    waiting = release(State.AWAITING_APPROVAL)
    request = waiting.request.model_copy(update={"reason": "fixes <b>rounding</b>"})
    asked = waiting.model_copy(update={"request": request})
    assert read(answers.details(asked, [yes(asked)], [], {}, NOW)) == snapshot("""\
*payments 2.0.5 → 2.1.0 · production · rel-7k3f*
◷ Waiting for a release manager (0 of 1). Asked by <@U0ANA> at <!date^1772641800^{time}|16:30 UTC>. Expires at <!date^1772670600^{time}|00:30 UTC>.
Reason given: fixes &lt;b&gt;rounding&lt;/b&gt;
✓ *version* v2.1.0 is abc123d, 12 commits by 2 people since 2.0.5 <https://x|diff>
✓ *order* config 1.9.2 runs in production
✓ *promoted* 26 h in staging (1 h needed)
✓ *checks* unit-tests, e2e green
✓ *scans* 0 critical, 0 high, 3 medium, 0 low
✓ *free* nothing else under way
✓ *cluster* blue is live with 3 of 3 pods
Plan 14dfe46b: deploy to green · health · smoke · 100 % · watch 30 s.
Commit abc123def456, image quantivista/payments:v2.1.0.
By hand, to go back: `kubectl --context main -n production patch service payments -p '{"spec":{"selector":{"slot":"blue"}}}'`
<@U0BEN> approved plan 14dfe46b at <!date^1772641800^{time}|16:30 UTC>
Commits by ana, dan.\
""")


def test_approval_shows_the_plan_first() -> None:
    assert read(answers.approve_first(release(State.AWAITING_APPROVAL))) == snapshot("""\
payments 2.0.5 → 2.1.0 · production · rel-7k3f: `/release approve rel-7k3f 14dfe46b` says yes
[Approve release:approve=rel-7k3f:14dfe46b]\
""")


def test_faults_are_told_in_words() -> None:
    assert [
        answers.bug("err-2f81").text,
        answers.outside_silent("GitHub gave no answer for 20 s").text,
        answers.outside_said_no("GitHub: Resource not accessible by integration").text,
    ] == snapshot(
        [
            "This is a fault of the bot, not yours. It is logged as err-2f81. `/release status` tells what is under way.",
            "◷ GitHub gave no answer for 20 s. Nothing was changed. Say it again in a minute.",
            "✗ GitHub: Resource not accessible by integration. Nothing was changed. `release-bot doctor` says what is missing.",
        ]
    )


def test_the_catalogue_has_changed() -> None:
    changes = [Change(path=f"roles.r{n}", before="ana", after=None) for n in range(12)]
    assert read(catalog_news.changed(changes)) == snapshot("""\
! The catalogue changed people, rights or policy: 12 changes.
• `roles.r0`: ana → nothing
• `roles.r1`: ana → nothing
• `roles.r2`: ana → nothing
• `roles.r3`: ana → nothing
• `roles.r4`: ana → nothing
• `roles.r5`: ana → nothing
• `roles.r6`: ana → nothing
• `roles.r7`: ana → nothing
• `roles.r8`: ana → nothing
• `roles.r9`: ana → nothing
2 more are on the record.
Open plans that it touches are made anew.\
""")


def test_refusals_say_what_who_and_what_next() -> None:
    ended = release(State.REJECTED, acted_by=BEN, acted_at=NOW, ended_at=NOW)
    live = release(State.SUCCEEDED, ended_at=NOW)
    assert [
        refusals.no_right(
            "release payments to production", [BEN, CY], ["release-managers"]
        ).sentence,
        refusals.no_right("release payments to production", [], []).sentence,
        refusals.own_request([BEN, CY]).sentence,
        refusals.own_request([]).sentence,
        refusals.no_such_release("rel-7k3f").sentence,
        refusals.too_late(ended, "approve").sentence,
        refusals.too_late(live, "cancel").sentence,
        refusals.under_way(live).sentence,
    ] == snapshot(
        [
            "You can't release payments to production: it takes release managers. <@U0BEN>, <@U0CY> can.",
            "You can't release payments to production: the catalogue gives nobody that right.",
            "You can't approve this: you asked for it. Any of <@U0BEN>, <@U0CY> can.",
            "You can't approve this: you asked for it. Nobody else has that role yet.",
            "There is no release rel-7k3f. `/release status` lists those under way.",
            "That is no longer possible (approve): rel-7k3f was rejected by <@U0BEN> at <!date^1772643000^{time}|16:50 UTC>.",
            "That is no longer possible (cancel): rel-7k3f is live and settled. `/release rollback payments production` takes it back.",
            "Another release of payments is under way in production. Roll that one back, or cancel it first.",
        ]
    )


def test_why_a_finished_release_can_not_be_switched_back() -> None:
    open_one = release(State.SUCCEEDED, ended_at=START, window_until=NOW + timedelta(hours=1))
    refusals.check_rollback(open_one, None)
    cases = [
        (open_one.model_copy(update={"undone_by": "rel-2b2b"}), None),
        (release(State.FAILED, ended_at=START), None),
        (open_one.model_copy(update={"kind": "rollback"}), None),
        (open_one, open_one.model_copy(update={"id": "rel-9m2x"})),
    ]
    said = []
    for case, newer in cases:
        with pytest.raises(UserError) as refused:
            refusals.check_rollback(case, newer)
        said.append(refused.value.sentence)
    said.append(refusals.window_closed(open_one).sentence)
    said.append(refusals.nothing_before(open_one, None, []).sentence)
    said.append(refusals.nothing_before(open_one, "v1.0.0", ["v2.0.5", "v2.0.5"]).sentence)
    assert said == snapshot(
        [
            "rel-7k3f was rolled back already, by rel-2b2b.",
            "That is no longer possible (roll back): rel-7k3f failed before traffic moved.",
            "rel-7k3f is a rollback. To go forward again, release a version.",
            "rel-9m2x started after rel-7k3f, so its old version is gone from the other slot. Roll back rel-9m2x instead.",
            "The instant way back of rel-7k3f has just closed. Ask once more: it takes a release then. `/release rollback payments production`",
            "The bot knows of nothing that ran for payments in production before 2.1.0. `/release payments VERSION production` releases any version.",
            "1.0.0 was never live and well for payments in production. What was: 2.0.5. `/release payments VERSION production` releases any version.",
        ]
    )
