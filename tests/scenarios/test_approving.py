"""Approvals in full: several roles, authors, comments, delegation, reminders, reuse, checklists."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.domain.requests import ReleaseRequest
from bot.domain.rules import rules_of
from integrations.catalog_file import parse_catalog
from integrations.simulated.server import Fault
from tests.tester import ANA, BEN, CATALOG, CHANNEL, CY, DAN, EVE, REPO, Bot

PROD = "approvals: {count: 1, from: [release-managers], not_the_requester: true, expires: 8h}"
SECURITY = "  security: {users: [U0DAN, U0BEN]}\n  responders:"


def catalog(approvals: str, roles: str = SECURITY) -> str:
    """The catalogue with other approvals in production."""
    assert PROD in CATALOG
    return CATALOG.replace(PROD, f"approvals: {{{approvals}}}").replace("  responders:", roles, 1)


@pytest.fixture
def asked(given: Callable[..., Awaitable[Bot]]) -> Callable[..., Awaitable[tuple[Bot, str]]]:
    """A bot whose production asks for such approvals, and a release that waits for them."""

    async def start(approvals: str, *, by: str = ANA) -> tuple[Bot, str]:
        bot = await given(catalog=catalog(approvals))
        await bot.says("/release payments v2.1.0 prod", by=by)
        return bot, (await bot.until("awaiting_approval")).id

    return start


Start = Callable[..., Awaitable[tuple[Bot, str]]]


async def entries(bot: Bot, tag: str) -> list[dict[str, Any]]:
    """What the record has of a tag."""
    from bot.store import audit

    async with bot.app.store.read() as session:
        return [dict(one.entry.data) async for one in audit.chain(session) if one.entry.tag == tag]


def tag_moves(bot: Bot, message: str = "One more") -> str:
    """The tag v2.1.0 points at a commit more, which is as well as the one before."""
    github = bot.world.github
    sha = github.add_commit(REPO, "dan", message)
    github.add_tag(REPO, "v2.1.0", sha)
    for check in ("unit-tests", "e2e"):
        github.add_check(REPO, sha, check)
    github.add_analysis(REPO, sha)
    return sha


# Several roles.


async def test_several_roles_are_asked_for_and_one_person_fills_one_place(asked: Start) -> None:
    bot, release = await asked("needs: {security: 1, release-managers: 1}, count: 2")
    assert "Waiting for security and a release manager (0 of 2)" in bot.card(release)
    await bot.clicks("Approve", by=BEN)
    assert "Waiting for a release manager or security (1 of 2)" in bot.card(release)
    await bot.clicks("Approve", by=CY)
    await bot.until("succeeded", release)
    assert "✓ @cy approved plan" in bot.thread(release)


async def test_two_people_at_the_same_moment_are_two(asked: Start) -> None:
    bot, release = await asked("count: 2, from: [release-managers]")
    await bot.clicks("Approve", by=BEN, settle=False)
    await bot.clicks("Approve", by=CY, settle=False)
    await bot.until("succeeded", release)
    assert await bot.votes(release) == 2


async def test_who_was_removed_since_does_not_count(asked: Start) -> None:
    bot, release = await asked("count: 2, from: [release-managers]")
    await bot.clicks("Approve", by=BEN)
    bot.world.slack.add_group("S0MAN", [CY, DAN])
    await bot.passes(timedelta(minutes=3))
    await bot.clicks("Approve", by=CY)
    await bot.until("awaiting_approval", release)
    void = "! The approval of @ben is void: they don't have the role any more."
    assert void in bot.thread(release)
    assert void in bot.card(release)
    assert "(1 of 2)" in bot.card(release)
    assert len(await entries(bot, "bot:approval:voided")) == 1
    await bot.clicks("Approve", by=DAN)
    await bot.until("succeeded", release)


async def test_who_has_the_role_again_can_say_it_again(asked: Start) -> None:
    bot, release = await asked("count: 2, from: [release-managers]")
    await bot.clicks("Approve", by=BEN)
    bot.world.slack.add_group("S0MAN", [CY])
    await bot.passes(timedelta(minutes=3))
    await bot.clicks("Approve", by=CY)
    await bot.until("awaiting_approval", release)
    bot.world.slack.add_group("S0MAN", [BEN, CY])
    await bot.passes(timedelta(minutes=3))
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)


async def test_a_group_that_cannot_be_read_when_it_would_start_keeps_it_waiting(
    asked: Start,
) -> None:
    bot, release = await asked("count: 1, from: [release-managers]")
    release = await soaking(bot, release)
    await bot.clicks("Approve", by=BEN)
    assert (await bot.until("blocked", release)).reason == "soaking"
    bot.world.slack.fail(Fault("status", path="usergroups", times=None, status=503))
    blocked = await bot.until(lambda r: r.reason == "source_unknown", release)
    assert "Slack didn't say who is in the user group" in (blocked.detail or "")
    bot.world.slack.faults.clear()
    await bot.until("succeeded", release)


# Authors.


async def test_an_author_of_its_commits_does_not_approve_it(asked: Start) -> None:
    bot, release = await asked("count: 1, from: [security], not_an_author: true")
    await bot.clicks("Approve", by=DAN)
    assert "You can't approve this: commits of dan (@dan) are in it." in bot.told(DAN)
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)


async def test_whose_github_login_is_not_known_does_not_approve(asked: Start) -> None:
    bot, _ = await asked("count: 1, from: [release-managers], not_an_author: true")
    await bot.clicks("Approve", by=CY)
    assert "the catalogue ties no GitHub login to @cy" in bot.told(CY)


async def test_commits_of_nobody_are_nobodys_to_approve(asked: Start) -> None:
    bot, release = await asked("count: 1, from: [release-managers], not_an_author: true")
    github = bot.world.github
    github.repository(REPO).commit_of("v2.1.0").linked = False  # type: ignore[union-attr]
    await bot.presses_old("release:retry", release)
    await bot.until("awaiting_approval", release)
    await bot.clicks("Approve", by=BEN)
    assert "1 commit of it belongs to no GitHub account" in bot.told(BEN)
    assert await bot.votes(release) == 0


# Comments.


async def test_a_comment_by_words_is_shown_escaped_and_the_record_holds_its_hash(
    asked: Start,
) -> None:
    bot, release = await asked("count: 1, from: [release-managers]")
    digest = ((await bot.release()).digest or "")[:8]
    await bot.says(f"/release approve {release} {digest} looks <!channel> fine", by=BEN)
    await bot.until("succeeded", release)
    line = next(
        m
        for m in bot.world.slack.space.replies(CHANNEL, bot.card_message(release).ts)
        if "approved plan" in m.text
    )
    assert "They say: looks &lt;!channel&gt; fine" in line.text
    (entry,) = await entries(bot, "person:release:approved")
    assert "looks" not in str(entry)
    assert entry["comment"].startswith("text:")


async def test_a_comment_by_form(asked: Start) -> None:
    bot, release = await asked("count: 1, from: [release-managers]")
    await bot.clicks("⋯ Approve with comment…", by=BEN)
    form = bot.world.slack.app.forms.shown[BEN]
    assert form["title"]["text"] == f"Approve {release}"
    assert await bot.votes(release) == 0
    assert await bot.world.slack.app.submit(BEN, {"comment": "ship it"}) == {}
    await bot.until("succeeded", release)
    assert "✓ @ben approved plan" in bot.thread(release)
    assert "They say: ship it" in bot.thread(release)


async def test_a_rejection_by_form_says_why(asked: Start) -> None:
    bot, release = await asked("count: 1, from: [release-managers]")
    await bot.clicks("⋯ Reject with comment…", by=CY)
    await bot.world.slack.app.submit(CY, {"comment": "not on a Friday"})
    await bot.until("rejected", release)
    assert "✗ @cy rejected this. Nothing was changed. They say: not on a Friday" in bot.thread()


async def test_a_form_of_an_old_plan_says_so_at_its_field(asked: Start) -> None:
    bot, release = await asked("count: 1, from: [release-managers]")
    await bot.clicks("⋯ Approve with comment…", by=BEN)
    sha = tag_moves(bot)
    await bot.presses_old("release:retry", release)
    await bot.until(lambda r: r.plan is not None and r.plan.commit == sha, release)
    amiss = await bot.world.slack.app.submit(BEN, {"comment": "ship it"})
    assert "Look at the card and decide anew." in amiss["comment"]
    assert BEN in bot.world.slack.app.forms.shown
    await bot.works()
    assert await bot.votes(release) == 0


async def test_a_form_that_slack_does_not_open_is_said_in_words(asked: Start) -> None:
    bot, release = await asked("count: 1, from: [release-managers]")
    bot.world.slack.app.forms.patience = -1.0
    await bot.clicks("⋯ Approve with comment…", by=BEN)
    assert f"Slack didn't open the form. /release approve {release}" in bot.told(BEN)


# Delegation.


async def test_a_lent_right_approves_and_says_whose_it_is(asked: Start) -> None:
    bot, release = await asked("count: 1, from: [release-managers]")
    await bot.clicks("Approve", by=DAN)
    assert "it takes release managers" in bot.told(DAN)
    await bot.says(f"/release delegate <@{DAN}|dan> prod for 2h at the dentist's", by=BEN)
    await bot.settles()
    said = bot.world.slack.space.roots(CHANNEL)[-1].rendered(bot.world.slack.space.name_of)
    assert "@ben lends @dan the right to approve in production until" in said
    assert "at the dentist's" in said
    await bot.clicks("Approve", by=DAN, release=release)
    await bot.until("succeeded", release)
    assert "✓ @dan for @ben approved plan" in bot.thread(release)
    (lent,) = await entries(bot, "person:right:lent")
    assert "dentist" not in str(lent)
    assert DAN not in str(lent)


async def test_a_lent_right_ends_by_the_clock_and_by_its_lender(asked: Start) -> None:
    bot, release = await asked("count: 1, from: [release-managers]")
    await bot.says(f"/release delegate <@{DAN}> prod for 1h", by=BEN)
    await bot.passes(timedelta(minutes=61))
    await bot.clicks("Approve", by=DAN, release=release)
    assert "it takes release managers" in bot.told(DAN)
    await bot.says(f"/release delegate <@{DAN}> prod until tomorrow 09:00", by=BEN)
    await bot.says("/release delegate", by=ANA)
    assert "@ben lends @dan" in bot.told(ANA)
    await bot.says(f"/release delegate --end <@{DAN}> prod", by=BEN)
    await bot.clicks("Approve", by=DAN, release=release)
    assert "it takes release managers" in bot.told(DAN)
    await bot.says(f"/release delegate --end <@{DAN}> prod", by=BEN)
    assert "You have lent @dan nothing in production." in bot.told(BEN)
    assert len(await entries(bot, "person:right:taken_back")) == 1


async def test_nobody_approves_their_own_by_a_lent_right(asked: Start) -> None:
    lax = "count: 1, from: [release-managers], not_the_requester: false"
    bot, _ = await asked(lax, by=ANA)
    await bot.says(f"/release delegate <@{ANA}> prod for 2h", by=BEN)
    await bot.clicks("Approve", by=ANA)
    assert "You can't approve rel-" in bot.told(ANA)
    await bot.clicks("Cancel", by=ANA)
    await bot.passes(timedelta(seconds=10))
    await bot.says("/release orders v2.1.0 prod", by=BEN)
    release = (await bot.until("awaiting_approval")).id
    await bot.says(f"/release delegate <@{DAN}> prod for 2h", by=BEN)
    await bot.clicks("Approve", by=DAN, release=release)
    assert "it takes release managers" in bot.told(DAN)


async def test_a_right_counts_once_whoever_used_it(asked: Start) -> None:
    bot, release = await asked("count: 2, from: [release-managers]")
    await bot.says(f"/release delegate <@{DAN}> prod for 2h", by=BEN)
    await bot.clicks("Approve", by=DAN, release=release)
    await bot.clicks("Approve", by=BEN, release=release)
    assert "The right of @ben was used for this plan already" in bot.told(BEN)
    assert "(1 of 2)" in bot.card(release)


@pytest.mark.parametrize(
    ("words", "by", "said"),
    [
        (f"<@{BEN}> prod for 2h", BEN, "you have it yourself"),
        (f"<@{EVE}> prod for 2h", BEN, "guests, apps and people from elsewhere"),
        (f"<@{DAN}> prod for 8d", BEN, "7 days are the most"),
        (f"<@{DAN}> prod for 2h", ANA, "You can't lend the right to approve in production"),
        ("@dan prod for 2h", BEN, '"@dan" names nobody'),
        (f"<@{DAN}> prod for ever", BEN, "Say how long: until 18:00"),
        (f"<@{DAN}> prdo for 2h", BEN, "Did you mean prod?"),
        (f"<@{DAN}> prod", BEN, "Some words are missing"),
    ],
)
async def test_what_cannot_be_lent(bot: Bot, words: str, by: str, said: str) -> None:
    await bot.says(f"/release delegate {words}", by=by)
    assert said in bot.told(by)


# Reminders.


async def test_people_are_reminded_once_at_half_of_the_time_and_before_its_end(
    asked: Start,
) -> None:
    bot, release = await asked("count: 2, from: [release-managers], expires: 4h")
    await bot.clicks("Approve", by=BEN)
    await bot.passes(timedelta(hours=2, minutes=1))
    await bot.settles()
    assert "◷ Still waiting for a release manager (1 of 2)." in bot.thread(release)
    assert "@cy can." in bot.thread(release)
    assert bot.thread(release).count("Still waiting") == 1
    await bot.crashes_and_restarts()
    await bot.passes(timedelta(hours=1, minutes=40))
    await bot.settles()
    assert bot.thread(release).count("Still waiting") == 1
    await bot.passes(timedelta(minutes=10))
    await bot.settles()
    assert bot.thread(release).count("Still waiting") == 2
    await bot.until("expired", release)
    assert len(await entries(bot, "bot:approval:reminded")) == 2


# Used again.


async def approved_and_cancelled(bot: Bot, release: str) -> None:
    """Approved by one, and withdrawn before it began: staging has not soaked yet."""
    await bot.clicks("Approve", by=BEN)
    assert (await bot.until("blocked", release)).reason == "soaking"
    await bot.clicks("Cancel", by=ANA)
    await bot.until("cancelled", release)


async def soaking(bot: Bot, release: str) -> str:
    for slot in ("blue", "green"):
        bot.world.kubernetes.cluster.age("staging", f"payments-{slot}", 1800)
    await bot.says(f"/release cancel {release}")
    return await again(bot)


async def again(bot: Bot, by: str = ANA) -> str:
    """The same is asked for once more, a little later."""
    await bot.passes(timedelta(seconds=10))
    await bot.says("/release payments v2.1.0 prod", by=by)
    return (await bot.until("awaiting_approval")).id


async def test_an_approval_is_used_again_once(asked: Start) -> None:
    bot, first = await asked("count: 1, from: [release-managers]")
    first = await soaking(bot, first)
    await approved_and_cancelled(bot, first)
    await bot.passes(timedelta(seconds=10))
    await bot.says("/release payments v2.1.0 prod")
    second = await bot.until("blocked")
    assert second.reason == "soaking"
    assert f"✓ Approval of {first} used again." in bot.card(second.id)
    assert f"✓ Approval of {first} by @ben used again" in bot.thread(second.id)
    assert second.expires_at == (await bot.release(first)).expires_at
    await bot.clicks("Cancel", by=ANA, release=second.id)
    third = await again(bot)
    assert "does not cover this: it was used again there already" in bot.card(third)
    assert await bot.votes(third) == 0


async def test_never_past_a_reject(asked: Start) -> None:
    bot, first = await asked("count: 1, from: [release-managers]")
    first = await soaking(bot, first)
    await bot.clicks("Approve", by=BEN)
    await bot.until("blocked", first)
    await bot.says(f"/release reject {first}", by=CY)
    await bot.until("rejected", first)
    second = await again(bot)
    assert f"The approval of {first} does not cover this: it was rejected" in bot.card(second)


async def test_what_changed_since_is_said(asked: Start) -> None:
    bot, first = await asked("count: 1, from: [release-managers]")
    first = await soaking(bot, first)
    await approved_and_cancelled(bot, first)
    tag_moves(bot)
    second = await again(bot)
    assert f"The approval of {first} does not cover this: v2.1.0 moved from" in bot.card(second)


async def test_nobody_asks_for_what_they_approved_themselves(asked: Start) -> None:
    bot, first = await asked("count: 1, from: [release-managers]")
    first = await soaking(bot, first)
    await approved_and_cancelled(bot, first)
    second = await again(bot, by=BEN)
    assert "does not cover this: who approved it asks now" in bot.card(second)


# The card, automation, checklists.


async def test_the_card_shows_pull_requests_and_warns_of_many_commits(
    given: Callable[..., Awaitable[Bot]],
) -> None:
    bot = await given(catalog=catalog("count: 1, from: [release-managers], warn_above: 1"))
    github = bot.world.github
    github.add_commit(REPO, "cy", "Merge pull request #12 from quantivista/fast\n\nFaster <b>")
    github.packages.seed(
        REPO,
        ("removed", "requests", "2.31", ()),
        ("added", "requests", "2.32", ()),
        ("added", "left-pad", "1.0", ("GHSA-aaaa-bbbb-cccc",)),
        ("removed", "six", "1.16", ()),
    )
    tag_moves(bot, "Safer (#13)")
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    card = bot.card()
    assert "commits: more than 1. Read the diff before you approve." in card
    assert "commits by ana, dan, cy since the live version." in card
    assert "Pull requests: [#12] Faster <b> · [#13] Safer" in card
    assert (
        "Packages of the repository: left-pad 1.0 is new ! GHSA-aaaa-bbbb-cccc, "
        "requests 2.31 → 2.32, six is gone." in card
    )


async def test_automation_is_stopped_where_the_policy_wants_people(
    given: Callable[..., Awaitable[Bot]],
) -> None:
    bot = await given(catalog=catalog("count: 1, from: [release-managers], people_only: true"))
    app = bot.world.slack.app
    await app.mention(ANA, CHANNEL, "payments v2.1.0 prod", by_app="B0CI")
    await bot.works()
    assert "Only a person can ask for a release here" in bot.told(ANA)
    assert await bot.all_releases() == []
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")


LIST = 'count: 1, from: [release-managers], checklist: ["runbook read", "on-call told"]'


async def test_approve_waits_for_the_checklist(asked: Start) -> None:
    bot, release = await asked(LIST)
    assert "☐ runbook read\n☐ on-call told" in bot.card(release)
    await bot.clicks("Approve", by=BEN)
    assert "2 items of" in bot.told(BEN)
    assert '"runbook read", "on-call told". Tick them on the card' in bot.told(BEN)
    assert await bot.votes(release) == 0
    await bot.clicks("☐ runbook read", by=ANA)
    assert "☑ runbook read, @ana" in bot.card(release)
    await bot.clicks("☐ on-call told", by=BEN)
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", release)
    assert len(await entries(bot, "person:checklist:ticked")) == 2
    assert '✓ @ben ticked "on-call told". The checklist is done.' in bot.thread(release)


async def test_two_people_who_tick_at_once_do_not_undo_each_other(asked: Start) -> None:
    bot, release = await asked(LIST)
    await bot.clicks("☐ runbook read", by=ANA, settle=False)
    await bot.clicks("☐ on-call told", by=BEN, settle=False)
    await bot.works()
    await bot.settles()
    assert "☑ runbook read, @ana\n☑ on-call told, @ben" in bot.card(release)
    await bot.clicks("☑ runbook read", by=CY)
    await bot.settles()
    assert "☐ runbook read\n☑ on-call told" in bot.card(release)


async def test_only_who_may_release_or_approve_ticks(asked: Start) -> None:
    bot, release = await asked(LIST)
    await bot.clicks("☐ runbook read", by=DAN)
    assert f"You can't tick {release}" in bot.told(DAN)


async def test_a_new_plan_clears_the_checklist(asked: Start) -> None:
    bot, release = await asked(LIST)
    await bot.clicks("☐ runbook read", by=ANA)
    sha = tag_moves(bot)
    await bot.presses_old("release:retry", release)
    await bot.until(lambda r: r.plan is not None and r.plan.commit == sha, release)
    await bot.until("awaiting_approval", release)
    assert "☐ runbook read\n☐ on-call told" in bot.card(release)


def test_an_emergency_waits_for_no_role() -> None:
    needs = "needs: {security: 1, release-managers: 1}"
    text = catalog(needs).replace(
        "policies: {default: {scans: {critical: 0, high: 0}}}",
        "policies: {default: {emergency: {roles: [responders], passes: [promoted], approvals: 1,"
        " channel: C0REL, review: {roles: [responders]}}}}",
    )
    request = ReleaseRequest(
        service="payments", version="v2.1.0", environment="production", emergency=True
    )
    rules = rules_of(parse_catalog(text).catalog, request)
    assert (rules.approvals.total, rules.approvals.needs, rules.usual_approvals) == (1, {}, 2)
    assert set(rules.approvals.roles) == {"security", "release-managers"}
