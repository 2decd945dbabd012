"""Locks: whose they are, what they stop, what they let pass, and how they end."""

from datetime import timedelta

import pytest

from bot.domain.audit import AuditTag
from bot.domain.lifecycle import State
from bot.domain.reasons import Reason
from bot.domain.stops import Stop
from bot.engine import stop_facts
from bot.store import stops
from tests.scenarios.stopping import approved, posts, record, standing
from tests.tester import ANA, BEN, CY, DAN, EVE, Bot


async def the_lock(bot: Bot) -> Stop:
    async with bot.app.store.read() as session:
        found = await stops.standing(session, bot.world.clock.now())
    return next(s for s in found if s.kind == "lock")


async def test_a_lock_keeps_a_release_from_starting_until_its_holder_lifts_it(bot: Bot) -> None:
    await bot.says('/release lock payments prod "the bank migrates"', by=BEN)
    lock = await the_lock(bot)
    await bot.settles()
    assert (
        f"payments in production is locked ({lock.id}), by @ben: the bank migrates."
        in (posts(bot)[-1])
    )
    await bot.says("/release payments v2.1.0 prod")
    release = await bot.until("blocked")
    assert release.reason is Reason.LOCK_HELD
    assert "@ben holds payments in production locked since 16:30 UTC: the bank migrates." in (
        bot.card()
    )
    assert f"/release unlock {lock.id}" in bot.card()
    await bot.says("/release unlock payments prod", by=BEN)
    await bot.until("awaiting_approval")
    assert await standing(bot) == []
    assert [e["of_another"] for e in await record(bot, AuditTag.LOCK_LIFTED)] == [False]


async def test_a_lock_with_an_end_goes_by_itself_and_approval_need_not_wait(bot: Bot) -> None:
    await bot.says("/release lock all prod bank migration --until 18:00", by=DAN)
    await approved(bot)
    release = await bot.until("blocked")
    assert release.reason is Reason.LOCK_HELD
    assert "until 18:00 UTC: bank migration." in bot.card()
    await bot.until("running")
    assert bot.world.clock.now().hour == 18
    await bot.until("succeeded")


async def test_the_lock_of_a_tier_is_about_its_services_only(bot: Bot) -> None:
    await bot.says('/release lock trading prod "quotes are wrong"', by=DAN)
    await bot.says("/release orders v2.1.0 prod")
    assert (await bot.until("blocked")).reason is Reason.LOCK_HELD
    bot.world.github.seed_release(
        "quantivista/platform", "v1.9.1", commits=[("ana", "x")], checks=("unit-tests", "e2e")
    )
    await bot.says("/release plan config v1.9.1 prod")
    await bot.settles()
    assert "lock" not in bot.told()


async def test_two_locks_stand_side_by_side(bot: Bot) -> None:
    await bot.says('/release lock payments prod "mine"', by=ANA)
    await bot.says('/release lock payments prod "his"', by=BEN)
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("blocked")
    assert "@ana holds payments" in bot.card()
    assert "@ben holds payments" in bot.card()
    await bot.says("/release unlock payments prod", by=ANA)
    assert await standing(bot) == ["lock"]
    assert (await bot.until("blocked")).reason is Reason.LOCK_HELD
    assert (await the_lock(bot)).by == BEN
    await bot.says('/release lock payments prod "dans"', by=DAN)
    await bot.says("/release unlock payments prod", by=CY)
    assert "payments in production has 2 locks" in bot.told(CY)
    assert await standing(bot) == ["lock", "lock"]


async def test_another_persons_lock_takes_the_right_and_is_told(bot: Bot) -> None:
    await bot.says('/release lock payments prod "the bank migrates"', by=BEN)
    lock = await the_lock(bot)
    await bot.says(f"/release unlock {lock.id}", by=EVE)
    assert "You can't lift" in bot.told(EVE)
    await bot.says(f"/release unlock {lock.id}", by=DAN)
    await bot.settles()
    assert f"@dan lifted {lock.id} on payments in production, which was @ben's" in posts(bot)[-1]
    assert [e["of_another"] for e in await record(bot, AuditTag.LOCK_LIFTED)] == [True]
    await bot.says(f"/release unlock {lock.id}", by=BEN)
    assert f"{lock.id} was lifted by @dan at" in bot.told(BEN)


async def test_the_end_of_a_release_frees_no_persons_lock(bot: Bot) -> None:
    release_id = await approved(bot)
    await bot.says('/release lock orders prod "after this one nothing more"', by=BEN)
    await bot.until("succeeded", release_id)
    assert await standing(bot) == ["lock"]


async def test_a_lock_of_a_release_ends_with_it_and_never_stops_itself(bot: Bot) -> None:
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    release_id = (await bot.release()).id
    await bot.says(f'/release lock all prod "orders alone" --for {release_id}', by=DAN)
    await bot.says('/release lock payments prod "mine"', by=ANA)
    await bot.clicks("Approve", by=BEN)
    await bot.until("running", release_id)
    await bot.says("/release config v2.0.5 prod")
    other = (await bot.release()).id
    assert (await bot.until("blocked", other)).reason is not None
    await bot.until("succeeded", release_id)
    assert await standing(bot) == ["lock"]
    assert (await the_lock(bot)).by == ANA
    (entry,) = await record(bot, AuditTag.LOCK_ENDED)
    assert entry["release"] == release_id
    await bot.says(f'/release lock all prod "too late" --for {release_id}', by=DAN)
    assert f"{release_id} has ended" in bot.told(DAN)


async def test_a_warning_is_shown_and_stops_nothing(bot: Bot) -> None:
    await bot.says('/release lock payments prod "look at the ledger after it" --warn', by=BEN)
    await bot.says("/release payments v2.1.0 prod")
    await bot.until("awaiting_approval")
    assert "! lock @ben warns: payments in production since 16:30 UTC: look at the ledger" in (
        bot.card()
    )
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded")


async def test_a_lock_that_begins_lets_a_running_release_run_on(bot: Bot) -> None:
    await approved(bot)
    await bot.until(lambda release: release.progress.weight == 25)
    await bot.says('/release lock orders prod "no more"', by=BEN)
    assert (await bot.release()).state is State.RUNNING
    await bot.until("succeeded")


async def test_a_lock_taken_just_before_the_start_holds(bot: Bot) -> None:
    await bot.says("/release orders v2.1.0 prod")
    await bot.until("awaiting_approval")
    release_id = (await bot.release()).id
    reconciler = bot.app.reconciler
    # The gates pass, and what they saw is old before the start asks once more.
    await bot.world.slack.app.click(
        BEN, "C0REL", bot.card_message().ts,
        *next((b.action_id, b.value) for b in bot.card_message().buttons() if b.label == "Approve"),
    )  # fmt: skip
    await bot.app.inbox.start_due()
    await bot.app.inbox.settle()
    await reconciler.tick(release_id)
    assert (await bot.release()).state is State.QUEUED
    now = bot.world.clock.now()
    async with bot.app.store.write() as session:
        late = Stop(
            id="lock-late", kind="lock", environment="production", reason="wait", by=BEN, since=now
        )
        await stops.insert(session, late, "a key", ["production"])
    await reconciler.tick(release_id)
    release = await bot.release()
    assert (release.state, release.reason) == (State.BLOCKED, Reason.LOCK_HELD)
    assert bot.live("orders") == "blue"
    await bot.says("/release unlock lock-late", by=BEN)
    await bot.until("succeeded")


async def test_rollbacks_pass_and_it_is_on_the_record(bot: Bot) -> None:
    release_id = await approved(bot)
    await bot.until("succeeded")
    await bot.says('/release lock all prod "nobody moves"', by=DAN)
    await bot.clicks("Roll back", release=release_id)
    await bot.until(lambda r: r.kind == "rollback" and r.state is State.SUCCEEDED)
    assert bot.live("orders") == "blue"
    (entry,) = await record(bot, AuditTag.STOP_PASSED)
    assert entry["lock"] == "failed: lock_held"
    assert entry["stops"] == (await the_lock(bot)).id


async def test_a_rollback_by_release_passes_too_and_its_card_says_so(bot: Bot) -> None:
    release_id = await approved(bot)
    await bot.until("succeeded")
    await bot.passes(timedelta(hours=2))
    await bot.says('/release lock all prod "nobody moves"', by=DAN)
    await bot.clicks("Roll back", release=release_id)
    rollback = await bot.until(lambda r: r.kind == "rollback" and r.state is State.SUCCEEDED)
    gate = next(gate for gate in rollback.gates if gate.gate == "lock")
    assert gate.status == "overridden"
    assert "nobody moves. The rollback goes all the same." in gate.sentence


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("lock payments prod", "Say why: "),
        ("lock paymets prod why", "Did you mean payments?"),
        ("lock core-x prod why", '"core-x" is neither a service nor a tier.'),
        ("lock payments prod why --until yesterday", '"yesterday" is no time such as 2h'),
        ("lock payments prod why --until 2020-01-01 10:00", "is over already. Nothing was stored."),
        ("lock payments prod why --until", "--until needs a value."),
        ("lock payments prod why --fro rel-7k3f", "There is no option --fro here."),
        ("lock payments prod why --for rel-9999", "There is no release rel-9999."),
        ("lock payments nowhere why", 'There is no environment "nowhere".'),
        (f"lock payments prod {'x' * 201}", "The reason is 201 characters long; 200 are enough."),
        ("unlock payments prod", "There is no lock on payments in production."),
        ("unlock lock-9999", "There is no lock lock-9999."),
        ("unlock", "Some words are missing."),
    ],
)
async def test_bad_input_gets_a_sentence_and_stores_nothing(
    bot: Bot, words: str, sentence: str
) -> None:
    await bot.says(f"/release {words}")
    assert sentence in bot.told()
    assert await standing(bot) == []


async def test_who_may_lock(bot: Bot) -> None:
    await bot.says('/release lock payments prod "x"', by=EVE)
    assert "You can't lock payments in production: it takes owners or responders" in bot.told(EVE)
    # An owner has it for the own service, and not for everything.
    await bot.says('/release lock all prod "x"', by=ANA)
    assert "You can't lock all in production: it takes responders or release managers" in bot.told()
    assert await standing(bot) == []


async def test_a_lock_that_ran_out_says_so(bot: Bot) -> None:
    await bot.says('/release lock payments prod "x" --until 30m', by=BEN)
    lock = await the_lock(bot)
    await bot.passes(timedelta(hours=1))
    assert await standing(bot) == []
    await bot.says(f"/release unlock {lock.id}", by=BEN)
    assert f"{lock.id} ran out at 17:00" in bot.told(BEN)


async def test_the_same_command_twice_is_one_lock(bot: Bot) -> None:
    now = bot.world.clock.now()
    stop = Stop(id="lock-aaaa", kind="lock", environment="production", reason="x", by=ANA,
                since=now)  # fmt: skip
    async with bot.app.store.write() as session:
        assert await stops.insert(session, stop, "key", ["production"])
        again = stop.model_copy(update={"id": "lock-bbbb"})
        assert not await stops.insert(session, again, "key", ["production"])
    async with bot.app.store.read() as session:
        assert await stop_facts.halt_on(session, "production", now) is None
    assert await standing(bot) == ["lock"]
