"""Breaking the glass: what it passes, who may, who hears of it, and the review that it owes."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.audit import AuditTag
from bot.domain.erasure import scrubbed_release
from bot.domain.releases import Release
from bot.engine.erasing import erase
from bot.engine.schedule import housekeeping
from bot.store import audit, audit_texts, reviews
from integrations.simulated.slack import Message
from integrations.simulated.slack.app_side import AppReply
from tests.conftest import fresh_database
from tests.scenarios.conftest import Given
from tests.tester import ANA, BEN, CATALOG, CHANNEL, CY, DAN, REPO, Bot, World

SECURITY = "C0SEC"
POLICY = """emergency: {passes: [promoted, checks, scans, order], from: [responders],
      channel: C0SEC, review: {from: [release-managers]}}"""
PLAIN = "scans: {critical: 0, high: 0}"
GLASS = CATALOG.replace(PLAIN, f"{PLAIN}, {POLICY}")
WHY = "Checkout is down for everybody"
WORDS = f'/release payments v2.1.0 prod --emergency --reason "{WHY}"'
LIVE = WORDS.replace("v2.1.0", "v2.0.5")
"""What has the traffic already: a gate that nobody may pass."""


@pytest.fixture
async def bot(given: Given, world: World) -> Bot:
    """A bot whose policy knows emergencies; what staging runs has not soaked for long enough."""
    world.slack.add_channel(SECURITY, "security")
    world.seed()
    unsoaked(world)
    return await given(catalog=GLASS)


def unsoaked(world: World) -> None:
    for slot in ("blue", "green"):
        world.kubernetes.cluster.age("staging", f"payments-{slot}", 1800)


async def broken(bot: Bot, words: str = WORDS) -> Release:
    await bot.says(words, by=DAN)
    return await bot.until("succeeded")


def heard(bot: Bot) -> list[Message]:
    """What the bot said to security, oldest first."""
    return [m for m in bot.world.slack.space.roots(SECURITY) if m.author == "bot"]


def words_of(bot: Bot, message: Message) -> str:
    return message.rendered(bot.world.slack.space.name_of)


async def minute(bot: Bot) -> None:
    """The clock strikes a minute: what the scheduler calls is called."""
    for name, crontab, run in housekeeping(bot.app.world):
        if name == "reviews":
            assert crontab == "* * * * *"
            await run()
    await bot.settles()


async def presses_review(bot: Bot, by: str, message: Message | None = None) -> AppReply:
    message = message or heard(bot)[0]
    [button] = [b for b in message.buttons() if b.label == "Review"]
    slack = bot.world.slack.app
    reply = await slack.click(by, SECURITY, message.ts, button.action_id, button.value)
    await bot.works()
    await bot.settles()
    return reply


async def entries(bot: Bot, tag: AuditTag) -> list[Any]:
    async with bot.app.store.read() as session:
        return [one async for one in _entries(session, tag)]


async def _entries(session: Any, tag: AuditTag) -> AsyncIterator[Any]:
    async for link in audit.chain(session):
        if link.entry.tag == tag:
            yield link.entry


def gates(release: Release) -> dict[str, str]:
    return {gate.gate: gate.status for gate in release.gates}


# What it passes.


async def test_a_gate_that_policy_lets_pass_is_overridden_and_it_starts_at_once(bot: Bot) -> None:
    release = await broken(bot)
    assert gates(release)["promoted"] == "overridden"
    assert gates(release)["approvals"] == "overridden"
    assert release.started_at is not None
    assert release.started_at - release.created_at < timedelta(minutes=1)
    [gate] = [one for one in release.gates if one.gate == "promoted"]
    assert gate.said == "30 min in staging, 1 h needed."
    assert gate.sentence == f"{gate.said} Overridden by <@{DAN}>: {WHY}"
    assert release.plan is not None
    assert release.plan.emergency


async def test_a_gate_that_is_green_by_itself_is_not_overridden(bot: Bot) -> None:
    release = await broken(bot)
    assert gates(release)["checks"] == "passed"
    assert gates(release)["scans"] == "passed"
    [over] = await entries(bot, AuditTag.GATES_OVERRIDDEN)
    assert set(over.data) == {"digest", "promoted", "approvals"}
    assert over.data["approvals"] == "overridden: 0 of the usual 1 needed."


async def test_nothing_on_record_says_that_an_overridden_gate_passed(bot: Bot) -> None:
    await broken(bot)
    for entry in await entries(bot, AuditTag.GATES_EVALUATED):
        assert entry.data["promoted"] == "overridden: 30 min in staging, 1 h needed."
        assert WHY not in str(entry.data)
    [asked] = await entries(bot, AuditTag.EMERGENCY_ASKED)
    assert asked.data["passes"] == "promoted checks scans order"
    async with bot.app.store.read() as session:
        texts = await audit_texts.on(session, asked.subject)
    assert texts[asked.seq, "reason"] == WHY


async def test_a_gate_that_no_policy_lets_pass_stops_it_all_the_same(bot: Bot) -> None:
    await bot.says(LIVE, by=DAN)
    release = await bot.until("blocked")
    assert gates(release)["version"] == "failed"
    assert release.reason == "already_live"
    assert "*EMERGENCY* by @dan" in bot.card() or "EMERGENCY by @dan" in bot.card()
    await bot.passes(timedelta(hours=8, minutes=1))
    assert (await bot.release()).state == "refused"
    assert len(heard(bot)) == 1


async def test_a_gate_that_this_policy_does_not_name_stops_it(given: Given, world: World) -> None:
    world.slack.add_channel(SECURITY, "security")
    world.seed()
    unsoaked(world)
    bot = await given(catalog=GLASS.replace("promoted, checks", "checks"))
    await bot.says(WORDS, by=DAN)
    release = await bot.until("blocked")
    assert gates(release)["promoted"] == "waiting"
    assert release.reason == "soaking"


async def test_a_source_that_is_silent_is_passed_too(bot: Bot) -> None:
    github = bot.world.github
    sha = github.add_commit(REPO, "dan", "No check ever ran on it")
    github.add_tag(REPO, "v2.1.1", sha)
    release = await broken(bot, WORDS.replace("v2.1.0", "v2.1.1"))
    assert [name for name, status in gates(release).items() if status == "overridden"] == [
        "promoted",
        "checks",
        "scans",
        "approvals",
    ]


async def test_what_the_start_finds_of_the_order_is_passed_and_told(bot: Bot) -> None:
    await bot.says("/release adopt config v0.1.0 prod", by=BEN)
    release = await broken(bot)
    assert gates(release)["order"] == "overridden"
    first, last = await entries(bot, AuditTag.GATES_OVERRIDDEN)
    assert "order" not in first.data
    assert last.data["order"] == "overridden: config is v0.1.0 now, and this needs >=1.9 <3."
    assert len(heard(bot)) == 2
    assert "overridden too" in words_of(bot, heard(bot)[1])
    assert "order config is v0.1.0 now" in words_of(bot, heard(bot)[1])


async def test_a_lock_and_a_freeze_are_passed_where_policy_names_them(
    given: Given, world: World
) -> None:
    world.slack.add_channel(SECURITY, "security")
    world.seed()
    bot = await given(catalog=GLASS.replace("scans, order", "scans, lock, freeze"))
    await bot.says('/release lock payments prod "Black Friday is near"', by=ANA)
    release = await broken(bot)
    assert gates(release)["lock"] == "overridden"
    assert "Black Friday" not in str(await entries(bot, AuditTag.GATES_OVERRIDDEN))
    assert "Black Friday is near" in words_of(bot, heard(bot)[0])


async def test_a_lock_that_came_after_the_gates_is_passed_at_the_start(
    given: Given, world: World
) -> None:
    world.slack.add_channel(SECURITY, "security")
    world.seed()
    one = GLASS.replace("scans, order", "scans, lock").replace("C0SEC,", "C0SEC, approvals: 1,")
    bot = await given(catalog=one)
    await bot.says(WORDS, by=DAN)
    await bot.until("awaiting_approval")
    assert "No gate is overridden so far." in words_of(bot, heard(bot)[0])
    await bot.says('/release lock payments prod "Black Friday is near"', by=ANA)
    await bot.clicks("Approve", by=BEN)
    release = await bot.until("succeeded")
    assert gates(release)["lock"] == "overridden"
    assert "overridden too" in words_of(bot, heard(bot)[1])


async def test_a_lock_that_only_warns_is_not_overridden(given: Given, world: World) -> None:
    world.slack.add_channel(SECURITY, "security")
    world.seed()
    bot = await given(catalog=GLASS)
    await bot.says('/release lock payments prod "Mind the cache" --warn', by=ANA)
    release = await broken(bot)
    [over] = await entries(bot, AuditTag.GATES_OVERRIDDEN)
    assert set(over.data) == {"digest", "approvals"}
    assert "Overridden: approvals." in bot.card(release.id)


async def test_without_order_in_the_policy_the_start_is_stopped(given: Given, world: World) -> None:
    world.slack.add_channel(SECURITY, "security")
    world.seed()
    bot = await given(catalog=GLASS.replace("scans, order", "scans"))
    await bot.says("/release adopt config v0.1.0 prod", by=BEN)
    await bot.says(WORDS, by=DAN)
    assert (await bot.until("blocked")).reason == "dependency_under_way"


async def test_policy_may_ask_for_approvals_of_an_emergency(given: Given, world: World) -> None:
    world.slack.add_channel(SECURITY, "security")
    world.seed()
    unsoaked(world)
    bot = await given(catalog=GLASS.replace("channel: C0SEC,", "channel: C0SEC, approvals: 1,"))
    await bot.says(WORDS, by=DAN)
    release = await bot.until("awaiting_approval")
    assert "approvals" not in gates(release)
    assert gates(release)["promoted"] == "overridden"
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")


async def test_an_emergency_has_another_digest_than_the_same_release_without(bot: Bot) -> None:
    usual = await bot.says("/release payments v2.1.0 prod", by=ANA)
    assert usual.status == 200
    plain = await bot.until("awaiting_approval")
    await bot.clicks("Cancel", by=ANA)
    await bot.passes(timedelta(minutes=1))
    release = await broken(bot)
    assert plain.plan is not None
    assert not plain.plan.emergency
    assert '"emergency"' not in (plain.plan_text or "")
    assert plain.rules.emergency is None
    assert release.digest != plain.digest


# Refusals.

BARE = WORDS.partition(" --reason")[0]
REFUSED = {
    BARE: (DAN, "An emergency needs a reason."),
    f'{BARE} --reason "  "': (DAN, "An emergency needs a reason."),
    f'{BARE} --reason "fix"': (DAN, '"fix" is too short for a reason'),
    f'{BARE} --reason "{"long " * 200}"': (DAN, "500 are the most"),
    WORDS: (ANA, "You can't release payments to production in an emergency: it takes responders."),
}


@pytest.mark.parametrize("words", REFUSED)
async def test_it_is_refused_before_anything_is_stored(bot: Bot, words: str) -> None:
    by, says = REFUSED[words]
    await bot.says(words, by=by)
    assert says in bot.told(by)
    assert await bot.all_releases() == []
    assert await entries(bot, AuditTag.EMERGENCY_ASKED) == []
    assert heard(bot) == []


async def test_who_may_is_named(bot: Bot) -> None:
    await bot.says(WORDS, by=ANA)
    assert "@dan can." in bot.told(ANA)


async def test_without_a_policy_nobody_may(given: Given, world: World) -> None:
    world.seed()
    bot = await given()
    await bot.says(WORDS, by=DAN)
    assert "The policy of payments in production allows no emergency." in bot.told(DAN)
    await bot.says(f"{WORDS} --dry-run", by=DAN)
    assert "allows no emergency" in bot.told(DAN)
    assert await bot.all_releases() == []


async def test_a_dry_run_shows_what_would_be_overridden(bot: Bot) -> None:
    await bot.says(f"{WORDS} --dry-run", by=DAN)
    assert "! promoted 30 min in staging, 1 h needed. Overridden by @dan" in bot.told(DAN)
    assert await bot.all_releases() == []
    assert heard(bot) == []


async def test_a_responder_carries_their_own_emergency_on(bot: Bot) -> None:
    await bot.says(LIVE, by=DAN)
    release = await bot.until("blocked")
    await bot.clicks("Retry", by=DAN, release=release.id)
    assert "You can't" not in bot.told(DAN)
    await bot.clicks("Cancel", by=DAN, release=release.id)
    await bot.until("cancelled")


# Who sees it.


async def test_it_is_marked_wherever_the_release_is_shown(bot: Bot) -> None:
    release = await broken(bot)
    mark = f"EMERGENCY by @dan: {WHY}. Overridden: promoted, approvals."
    assert mark in bot.card().replace("*", "")
    for words in (f"status {release.id}", "status payments prod", "history payments"):
        await bot.says(f"/release {words}", by=CY)
        assert mark in bot.told(CY).replace("*", ""), words
    await bot.says(f"/release history {release.id}", by=CY)
    told = bot.told(CY)
    assert "@dan broke the glass" in told
    assert "overridden: promoted, approvals" in told


async def test_security_hears_of_it(bot: Bot) -> None:
    release = await broken(bot)
    [message] = heard(bot)
    said = words_of(bot, message).replace("*", "")
    assert f"EMERGENCY: payments 2.1.0 · production · {release.id}" in said
    assert "@dan broke the glass at " in said
    assert WHY in said
    assert "! promoted 30 min in staging, 1 h needed." in said
    assert "Review is due by" in said
    assert "by release managers, whatever the ending" in said


async def test_an_announcement_that_no_tick_made_is_made_by_the_clock(bot: Bot) -> None:
    from integrations.simulated.server import Fault

    bot.world.github.fail(Fault("status", path="/git/|/commits", times=None))
    await bot.world.slack.app.slash(DAN, "/release", WORDS.removeprefix("/release "), CHANNEL)
    await bot.app.inbox.start_due()
    await bot.app.inbox.settle()
    assert heard(bot) == []
    await bot.world.clock.advance_to(bot.world.clock.now() + timedelta(minutes=2))
    await minute(bot)
    [message] = heard(bot)
    assert "The gates have not answered yet." in words_of(bot, message)


# The review.


async def test_somebody_else_reviews_it_by_the_button(bot: Bot) -> None:
    release = await broken(bot)
    assert "Review is due by" in bot.card()
    await presses_review(bot, BEN)
    assert "Reviewed by @ben at" in bot.card()
    assert "Reviewed by @ben" in bot.thread(release.id)
    assert "Reviewed by @ben" in words_of(bot, heard(bot)[-1])
    [entry] = await entries(bot, AuditTag.RELEASE_REVIEWED)
    assert (entry.subject, entry.data["roles"]) == (release.id, "release-managers")
    await presses_review(bot, CY)
    assert f"@ben reviewed {release.id} at" in told_there(bot, CY)
    await bot.passes(timedelta(days=3))
    await minute(bot)
    assert await entries(bot, AuditTag.REVIEW_NAGGED) == []


def told_there(bot: Bot, user: str) -> str:
    own = [m for m in bot.world.slack.space.ephemerals if m.user == user]
    return own[-1].rendered(bot.world.slack.space.name_of) if own else ""


async def test_somebody_else_reviews_it_in_words(bot: Bot) -> None:
    release = await broken(bot)
    await bot.says(f'/release review {release.id} "The tag was sound; soak was the cause"', by=CY)
    await bot.settles()
    assert "Reviewed by @cy at" in bot.card()
    assert ": The tag was sound; soak was the cause" in bot.card()
    await bot.says(f"/release status {release.id}", by=ANA)
    assert "The tag was sound" in bot.told(ANA)
    await bot.says(f"/release history {release.id}", by=ANA)
    assert "@cy reviewed: The tag was sound" in bot.told(ANA)


async def test_whoever_broke_the_glass_does_not_review_it(given: Given, world: World) -> None:
    world.slack.add_channel(SECURITY, "security")
    world.seed()
    both = GLASS.replace("{from: [release-managers]}}", "{from: [release-managers, responders]}}")
    bot = await given(catalog=both)
    release = await broken(bot)
    await presses_review(bot, DAN)
    assert "You can't review this: you broke the glass. Any of @ben, @cy can." in told_there(
        bot, DAN
    )
    await presses_review(bot, ANA)
    assert f"You can't review {release.id}: it takes release managers or responders." in (
        told_there(bot, ANA)
    )
    assert await entries(bot, AuditTag.RELEASE_REVIEWED) == []


async def test_it_is_reviewed_when_it_has_ended(bot: Bot) -> None:
    await bot.says(LIVE, by=DAN)
    release = await bot.until("blocked")
    await presses_review(bot, BEN)
    assert f"{release.id} is blocked. Review it when it has ended" in told_there(bot, BEN)
    await bot.clicks("Cancel", by=DAN)
    await bot.until("cancelled")
    await presses_review(bot, BEN)
    assert "Reviewed by @ben" in bot.card()


async def test_what_was_no_emergency_needs_no_review(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = await bot.until("awaiting_approval")
    await bot.says(f"/release review {release.id}", by=BEN)
    assert f"{release.id} was no emergency" in bot.told(BEN)


async def test_it_nags_at_half_of_the_time_and_on_and_on_once_each(bot: Bot) -> None:
    release = await broken(bot)
    asked = release.created_at
    hours = [12, 24, 28, 32]
    for hour in range(1, 34):
        await bot.world.clock.advance_to(asked + timedelta(hours=hour))
        await bot.works()
        await minute(bot)
        await minute(bot)
        nags = await entries(bot, AuditTag.REVIEW_NAGGED)
        assert len(nags) == sum(one <= hour for one in hours), hour
    texts = [words_of(bot, message) for message in heard(bot)[1:]]
    assert len(texts) == len(hours)
    assert f"The review of {release.id} is due by" in texts[0]
    assert f"The review of {release.id} was due by" in texts[1]
    await presses_review(bot, BEN, heard(bot)[-1])
    assert "Reviewed by @ben" in bot.card()


async def test_it_goes_on_after_a_restart(bot: Bot) -> None:
    await bot.says(WORDS, by=DAN)
    await bot.crashes_and_restarts()
    await bot.until("succeeded")
    assert len(heard(bot)) == 1
    release = await bot.release()
    await bot.world.clock.advance_to(release.created_at + timedelta(days=2))
    await bot.crashes_and_restarts()
    await bot.works()
    await minute(bot)
    assert len(heard(bot)) == 2, "what was missed is one reminder"
    await presses_review(bot, CY)
    await bot.crashes_and_restarts()
    await minute(bot)
    assert len(await entries(bot, AuditTag.RELEASE_REVIEWED)) == 1


async def test_two_replicas_nag_once(world: World, postgres: Any, tmp_path: Path) -> None:
    import asyncio

    world.slack.add_channel(SECURITY, "security")
    world.seed()
    database = fresh_database(postgres)
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    second = await Bot(world, database, tmp_path / "two", catalog=GLASS).start()
    first = await Bot(world, database, tmp_path / "one", catalog=GLASS).start()
    release = await broken(first)
    await world.clock.advance_to(release.created_at + timedelta(hours=12))
    runs = [
        run
        for one in (first, second)
        for name, _, run in housekeeping(one.app.world)
        if name == "reviews"
    ]
    await asyncio.gather(*(run() for run in runs))
    assert len(await entries(first, AuditTag.REVIEW_NAGGED)) == 1
    for one in (first, second):
        await one.finish()


async def test_whoever_reviewed_can_be_erased(bot: Bot) -> None:
    release = await broken(bot)
    await bot.says(f'/release review {release.id} "All of it was needed"', by=CY)
    await bot.passes(timedelta(hours=2))
    async with bot.app.store.write() as session:
        await erase(session, CY, bot.world.clock.now())
    async with bot.app.store.read() as session:
        review = await reviews.get(session, release.id)
    assert review is not None
    assert (review.comment, review.done_by == CY) == (None, False)
    body = release.model_dump(mode="json", by_alias=True)
    scrubbed = scrubbed_release(body, DAN, (), "erased-1")
    assert WHY not in str(scrubbed)
    assert Release.model_validate(scrubbed).gates
