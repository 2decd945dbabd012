"""Approvals: a named person's yes or no to one plan digest."""

from datetime import timedelta

from tests.tester import ANA, BEN, CY, DAN, REPO, Bot


async def asked(bot: Bot, words: str = "/release payments v2.1.0 prod", by: str = ANA) -> str:
    await bot.says(words, by=by)
    return (await bot.until("awaiting_approval")).id


async def test_nobody_approves_their_own_request(bot: Bot) -> None:
    await asked(bot, by=BEN)
    await bot.clicks("Approve", by=BEN)
    assert "You can't approve this: you asked for it. Any of @cy can." in bot.told(BEN)
    assert (await bot.release()).state == "awaiting_approval"


async def test_only_the_role_approves(bot: Bot) -> None:
    await asked(bot)
    await bot.clicks("Approve", by=DAN)
    assert "it takes release managers. @ben, @cy can." in bot.told(DAN)


async def test_a_rejection_ends_it_and_says_who(bot: Bot) -> None:
    release = await asked(bot)
    await bot.clicks("Reject", by=CY)
    assert (await bot.until("rejected")).reason == "rejected_by_person"
    assert "Rejected by @cy" in bot.card(release)
    assert "✗ @cy rejected this." in bot.thread(release)
    await bot.presses_old("release:approve", f"{release}:00000000", by=BEN)
    assert "is no longer possible (approve)" in bot.told(BEN)
    assert "was rejected by @cy" in bot.told(BEN)


async def test_an_old_digest_does_not_approve_a_new_plan(bot: Bot) -> None:
    release = await asked(bot)
    await bot.presses_old("release:approve", f"{release}:deadbeef", by=BEN)
    assert "That was for plan deadbeef; the plan is" in bot.told(BEN)
    assert await bot.votes(release) == 0


async def test_approving_by_words_shows_the_plan_first(bot: Bot) -> None:
    release = await asked(bot)
    await bot.says(f"/release approve {release}", by=BEN)
    assert "✓ cluster blue is live" in bot.told(BEN)
    digest = (await bot.release()).digest or ""
    await bot.says(f'/release approve {release} {digest[:8]} --comment "looks fine"', by=BEN)
    await bot.until("succeeded")


async def test_the_same_click_twice_counts_once(bot: Bot) -> None:
    catalog = bot.catalog.replace("count: 1", "count: 2")
    bot.catalog = catalog
    await bot.crashes_and_restarts()
    release = await asked(bot)
    await bot.clicks("Approve", by=BEN)
    await bot.world.slack.app.again()
    await bot.works()
    assert await bot.votes(release) == 1
    assert "(1 of 2)" in bot.card(release)
    await bot.clicks("Approve", by=BEN)
    assert "You approved this plan already." in bot.told(BEN)
    await bot.clicks("Approve", by=CY)
    await bot.until("succeeded")


async def test_it_expires(bot: Bot) -> None:
    release = await asked(bot)
    await bot.passes(timedelta(hours=8, minutes=1))
    assert (await bot.release(release)).state == "expired"
    await bot.settles()
    assert "Expired at" in bot.card(release)


async def test_a_tag_that_moved_voids_the_approval(bot: Bot) -> None:
    catalog = bot.catalog.replace("count: 1", "count: 2")
    bot.catalog = catalog
    await bot.crashes_and_restarts()
    release = await asked(bot)
    await bot.clicks("Approve", by=BEN)
    github = bot.world.github
    sha = github.add_commit(REPO, "dan", "One more")
    github.add_tag(REPO, "v2.1.0", sha)
    for check in ("unit-tests", "e2e"):
        github.add_check(REPO, sha, check)
    github.add_analysis(REPO, sha)
    await bot.clicks("Approve", by=CY)
    found = await bot.until("awaiting_approval", release)
    assert "The plan changed: v2.1.0 moved from" in bot.thread(release)
    assert "(0 of 2)" in bot.card(release)
    assert found.plan is not None
    assert found.plan.commit == sha


async def test_an_unreadable_group_fails_closed_for_approvals(bot: Bot) -> None:
    from integrations.simulated.server import Fault

    await asked(bot)
    bot.world.slack.fail(Fault("status", path="usergroups", times=None, status=503))
    await bot.clicks("Approve", by=BEN)
    assert "Slack didn't say who is in the user group S0MAN" in bot.told(BEN)
    assert (await bot.release()).state == "awaiting_approval"


async def test_a_waiting_gate_does_not_stop_approval(bot: Bot) -> None:
    cluster = bot.world.kubernetes.cluster
    for slot in ("blue", "green"):
        cluster.age("staging", f"payments-{slot}", 1800)
    release = await asked(bot)
    assert "◷ promoted 30 min in staging, 1 h needed." in bot.card(release)
    await bot.clicks("Approve", by=BEN)
    blocked = await bot.until("blocked", release)
    assert blocked.reason == "soaking"
    done = await bot.until("succeeded", release)
    assert done.started_at is not None
    assert done.started_at - done.created_at >= timedelta(minutes=30)
