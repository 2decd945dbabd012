"""After a rollback the bad commits are refused everywhere, until they are gone or mended."""

from datetime import timedelta

from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.store import audit, held_back, releases, targets
from integrations.simulated.kubernetes import Behaviour
from integrations.simulated.server import Fault
from tests.scenarios.conftest import Given
from tests.tester import BEN, CATALOG, CY, DAN, REPO, Bot

CHECKS = ("unit-tests", "e2e")
MONOREPO = CATALOG.replace(
    '    image: "quantivista/orders:{version}"\n',
    '    image: "quantivista/orders:{version}"\n    path: services/orders\n',
)
NO_SOAK = {"catalog": CATALOG.replace("    after: staging\n    soak: 1h\n", "")}


async def asked(bot: Bot, words: str, state: str = "blocked") -> Release:
    """The release that these words ask for, in that state. No two are asked for at one moment."""
    await bot.passes(timedelta(seconds=1))
    await bot.says(f"/release {words}")
    return await bot.until(state)


async def live(bot: Bot, version: str = "v2.1.0", service: str = "payments") -> Release:
    release = (await asked(bot, f"{service} {version} prod", "awaiting_approval")).id
    await bot.clicks("Approve", by=BEN, release=release)
    return await bot.until("succeeded", release)


async def rolled_back(bot: Bot, version: str = "v2.1.0") -> str:
    """A release that a person took back; the rollback's id."""
    release = await live(bot, version)
    await bot.clicks("Roll back", by=DAN, release=release.id)
    return (await bot.until(lambda r: r.undoes == release.id and r.ended)).id


def bad_commits(bot: Bot) -> list[str]:
    """Those of 2.1.0: Faster by ana, and Safer by dan."""
    return bot.world.github.repository(REPO).order[2:4]


def tagged(bot: Bot, version: str, sha: str) -> None:
    github = bot.world.github
    github.add_tag(REPO, version, sha)
    github.add_analysis(REPO, sha)
    for check in CHECKS:
        github.add_check(REPO, sha, check)


def without(bot: Bot, version: str, more: str | None = None) -> None:
    """A version that reverts both, and then does something of its own."""
    history = bot.world.github.history
    for sha in reversed(bad_commits(bot)):
        head = history.revert(REPO, sha)
    tagged(bot, version, history.commit(REPO, "cy", more) if more else head)


def gate(release: Release) -> str:
    return next(g.sentence for g in release.gates if g.gate == "commits")


async def test_the_next_version_with_the_same_commits_is_refused_in_every_environment(
    bot: Bot,
) -> None:
    rollback = await rolled_back(bot)
    tagged(bot, "v2.1.1", bot.world.github.add_commit(REPO, "ben", "One more"))
    for environment in ("stage", "prod"):
        blocked = await asked(bot, f"payments v2.1.1 {environment}")
        card = bot.card(blocked.id)
        first, second = bad_commits(bot)
        assert "2.1.1 holds bad commits of payments 2.1.0, which " in gate(blocked)
        assert f"{first[:7]} “Faster”, {second[:7]} “Safer”" in card
        assert "Revert them (by ana, dan), or when the cause is mended" in card
        assert f"presses Cause is mended on {rollback}" in card
    same = await asked(bot, "payments v2.1.0 stage")
    assert gate(same) == f"2.1.0 is held back since {rollback} took it back in production."
    assert "and its commits elsewhere" in bot.card(rollback)
    reply = await bot.says("/release status payments prod")
    assert reply.status == 200
    assert "A version without the bad commits, or with their revert, passes." in bot.told()


async def test_an_automatic_rollback_holds_its_commits_back_too(bot: Bot) -> None:
    bot.world.kubernetes.cluster.behaves("orders:v2.1.0", Behaviour("crashes_after", 60))
    release = (await asked(bot, "orders v2.1.0 prod", "awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until("rolled_back", release)
    tagged(bot, "v2.1.1", bot.world.github.add_commit(REPO))
    blocked = await asked(bot, "orders v2.1.1 stage")
    assert blocked.reason is Reason.BAD_COMMITS
    assert f"which {release} took back in production" in gate(blocked)


async def test_with_the_revert_it_goes_through_and_the_rest_stays_held_back(given: Given) -> None:
    bot = await given(**NO_SOAK)
    rollback = await rolled_back(bot)
    without(bot, "v2.1.1")
    again = await live(bot, "v2.1.1")
    assert gate(again) == f"reverts the bad commits of {rollback}"
    assert "Cause is mended" in [b.label for b in bot.card_message(rollback).buttons()]
    reapplied = bot.world.github.history.revert(REPO, bot.world.github.repository(REPO).order[-1])
    tagged(bot, "v2.1.2", reapplied)
    assert (await asked(bot, "payments v2.1.2 prod")).reason is Reason.BAD_COMMITS
    assert (await asked(bot, "payments v2.1.0 prod")).reason is Reason.LOCKED


async def test_an_older_version_and_another_branch_go_through(given: Given) -> None:
    bot = await given(**NO_SOAK)
    rollback = await rolled_back(bot)
    older = await live(bot, "v1.9.0")
    assert gate(older) == f"without the bad commits of {rollback}"
    good = bot.world.github.repository(REPO).order[1]
    tagged(bot, "v2.0.6", bot.world.github.history.commit(REPO, "ben", "Hotfix", on=good))
    await live(bot, "v2.0.6")


async def test_another_service_shares_what_touches_its_path(given: Given) -> None:
    bot = await given(catalog=MONOREPO)
    commits = [bot.world.github.repository(REPO).commits[sha] for sha in bad_commits(bot)]
    commits[0].files = ("services/payments/app.py", "services/orders-old/app.py")
    rollback = await rolled_back(bot)
    tagged(bot, "v2.1.1", bot.world.github.add_commit(REPO))
    untouched = await asked(bot, "orders v2.1.1 stage", "succeeded")
    assert "commits" not in [g.gate for g in untouched.gates]
    # A process keeps what it has read, since no commit changes; another one reads it anew.
    commits[1].files = ("services/orders/app.py",)
    await bot.crashes_and_restarts()
    tagged(bot, "v2.1.2", bot.world.github.add_commit(REPO))
    touched = await asked(bot, "orders v2.1.2 stage")
    assert "holds a bad commit of payments 2.1.0" in gate(touched)
    assert "“Safer”" in gate(touched)
    assert "“Faster”" not in gate(touched)
    # Without a path every commit is its own, and what it depends on is nobody's.
    assert "holds bad commits of payments 2.1.0" in gate(await asked(bot, "config v2.1.2 stage"))
    await bot.clicks("Cause is mended", by=DAN, release=rollback)
    assert (await bot.until("succeeded", touched.id)).version == "v2.1.2"


async def test_while_github_is_away_it_is_closed_and_goes_on_then(given: Given) -> None:
    bot = await given(**NO_SOAK)
    await rolled_back(bot)
    without(bot, "v2.1.1")
    bot.world.github.fail(Fault("status", path="/compare/", times=None))
    blocked = await asked(bot, "payments v2.1.1 prod")
    assert blocked.reason is Reason.SOURCE_UNKNOWN
    assert gate(blocked) == "unknown: GitHub answered 503."
    assert "Retry" in [b.label for b in bot.card_message(blocked.id).buttons()]
    bot.world.github.heal()
    await bot.clicks("Retry", release=blocked.id)
    await bot.until("awaiting_approval", blocked.id)


async def test_nobody_asks_github_where_nothing_is_held_back(bot: Bot) -> None:
    bot.world.github.journal.clear()
    done = await live(bot)
    assert "commits" not in [g.gate for g in done.gates]
    paths = [entry.path for entry in bot.world.github.journal]
    # The one comparison is the card's own diff, at each look of the gates.
    compared = [path for path in paths if "/compare/" in path and "dependency-graph" not in path]
    assert len(compared) == 2
    assert not any("&page=" in path for path in compared)


async def test_mended_lets_those_that_wait_go_on_everywhere(given: Given) -> None:
    bot = await given(**NO_SOAK)
    rollback = await rolled_back(bot)
    tagged(bot, "v2.1.1", bot.world.github.add_commit(REPO))
    staging = (await asked(bot, "payments v2.1.1 stage")).id
    other = (await asked(bot, "orders v2.1.1 prod")).id
    await bot.clicks("Cause is mended", by=DAN, release=rollback)
    await bot.until("succeeded", staging)
    await bot.until("awaiting_approval", other)
    thread = bot.thread(rollback)
    assert "2.1.0 and its commits can be released again, everywhere." in thread
    assert "is held back in" not in bot.card(rollback)


async def test_a_rollback_passes_a_lock_and_the_record_says_so(given: Given) -> None:
    bot = await given(**NO_SOAK)
    first = await rolled_back(bot)
    without(bot, "v2.1.1")
    second = await rolled_back(bot, "v2.1.1")
    assert (await bot.release(second)).state.value == "succeeded"
    async with bot.app.store.read() as session:
        entries = [e for e in await audit.of_subject(session, second) if e.tag == "bot:lock:passed"]
    assert [entry.data["holder"] for entry in entries] == [first]
    assert all(entry.actor for entry in entries)
    # After the window, to a version further back, it is a release of its own: the same holds.
    await bot.clicks("Cause is mended", by=DAN, release=second)
    again = await live(bot, "v1.9.0")
    await bot.passes(timedelta(hours=2))
    await bot.clicks("Roll back", by=DAN, release=again.id)
    back = await bot.until(lambda r: r.undoes == again.id and r.ended)
    assert back.state.value == "succeeded"
    async with bot.app.store.read() as session:
        tags = [entry.tag for entry in await audit.of_subject(session, back.id)]
    assert "bot:lock:passed" in tags


async def test_two_ranges_at_once_are_mended_one_by_one(given: Given) -> None:
    bot = await given(**NO_SOAK)
    first = await rolled_back(bot)
    without(bot, "v2.1.1", "Also bad")
    second = await rolled_back(bot, "v2.1.1")
    tagged(bot, "v2.1.2", bot.world.github.add_commit(REPO, "ben", "Bad again"))
    async with bot.app.store.read() as session:
        held = {release.id for release in await held_back.holders(session)}
        assert held == {first, second}
    blocked = await asked(bot, "payments v2.1.2 prod")
    assert f"which {second} took back" in gate(blocked)
    assert "“Also bad”" in gate(blocked)
    assert "“Faster”" not in gate(blocked)
    old = await asked(bot, "payments v2.1.0 prod")
    await bot.clicks("Cause is mended", by=DAN, release=second)
    await bot.until("awaiting_approval", blocked.id)
    # The first lock holds again, and so does its own version.
    async with bot.app.store.read() as session:
        lock = await targets.lock_on(session, ("payments", "production"))
    assert lock is not None
    assert lock.holder == first
    await bot.until("blocked", old.id)
    await bot.clicks("Cause is mended", by=DAN, release=first)
    await bot.until(lambda r: r.state.value == "awaiting_approval", old.id)
    async with bot.app.store.read() as session:
        assert await targets.lock_on(session, ("payments", "production")) is None


async def test_the_older_of_two_may_be_mended_first(given: Given) -> None:
    bot = await given(**NO_SOAK)
    first = await rolled_back(bot)
    without(bot, "v2.1.1")
    second = await rolled_back(bot, "v2.1.1")
    await bot.clicks("Cause is mended", by=CY, release=first)
    assert "You can't lift the lock" in bot.told(CY)
    await bot.clicks("Cause is mended", by=DAN, release=first)
    async with bot.app.store.read() as session:
        assert [release.id for release in await held_back.holders(session)] == [second]
    # Its commits are in the second range as well.
    assert second in gate(await asked(bot, "payments v2.1.0 prod"))


async def test_where_nobody_knows_the_commit_gone_back_to_it_is_closed_in_words(
    bot: Bot,
) -> None:
    del bot.world.github.repository(REPO).tags["v2.0.5"]
    rollback = await rolled_back(bot)
    tagged(bot, "v2.0.5", bot.world.github.repository(REPO).order[1])
    tagged(bot, "v2.1.1", bot.world.github.add_commit(REPO))
    blocked = await asked(bot, "payments v2.1.1 stage")
    assert blocked.reason is Reason.BAD_COMMITS_UNKNOWN
    assert gate(blocked) == (
        "Whether 2.1.1 holds bad commits of payments 2.1.0, which "
        f"{rollback} took back in production can't be told: nobody knows the commit of 2.0.5."
    )


async def test_a_version_that_its_commits_do_not_explain_holds_its_own_place(
    given: Given,
) -> None:
    bot = await given(**NO_SOAK)
    await rolled_back(bot)
    without(bot, "v2.1.1")
    second = await rolled_back(bot, "v2.1.1")
    tagged(bot, "v2.1.2", bot.world.github.add_commit(REPO))
    await asked(bot, "payments v2.1.2 stage", "succeeded")
    blocked = await asked(bot, "payments v2.1.2 prod")
    assert blocked.reason is Reason.LOCKED
    assert f"since {second} took 2.1.1 back, which its commits don't explain" in gate(blocked)


async def test_what_waits_for_approval_is_looked_at_again(given: Given) -> None:
    bot = await given(**NO_SOAK)
    tagged(bot, "v2.1.1", bot.world.github.add_commit(REPO))
    waits = (await asked(bot, "orders v2.1.1 prod", "awaiting_approval")).id
    await rolled_back(bot)
    await bot.clicks("Approve", by=BEN, release=waits)
    assert (await bot.until("blocked", waits)).reason is Reason.BAD_COMMITS


async def test_what_was_queued_before_a_rollback_goes_back_to_its_gates(given: Given) -> None:
    bot = await given(**NO_SOAK)
    rollback = await rolled_back(bot)
    ready = await asked(bot, "payments v1.9.0 prod", "awaiting_approval")
    now = bot.world.clock.now()
    queued = ready.model_copy(update={"state": State.QUEUED, "weighed": ()})
    async with bot.app.store.write() as session:
        await releases.update_row(session, queued, now)
    again = await bot.until("awaiting_approval", ready.id)
    assert again.weighed == (rollback,)
    assert f"{rollback} was rolled back meanwhile" in bot.thread(ready.id)
