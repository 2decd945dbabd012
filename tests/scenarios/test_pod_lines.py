"""`/release logs`: the last lines of a pod that fails, masked, for the one who asks and may."""

from sqlalchemy import Connection
from sqlmodel import SQLModel

from integrations.simulated.kubernetes import Behaviour
from tests.scenarios.conftest import Given
from tests.scenarios.test_failures import approved
from tests.tester import ANA, BEN, CATALOG, CY, DAN, Bot

ALLOWED = CATALOG.replace("scans: {critical: 0, high: 0}", "logs: allowed, scans: {critical: 0}")
SECRET = "hunter2hunter2"
LINES = (
    "Traceback (most recent call last):",
    f"db: password={SECRET} refused",
    "<!channel> *bold* & `code`",
)


async def crashed(bot: Bot) -> str:
    """A release that was rolled back: its slot keeps the pods that crash."""
    kubernetes = bot.world.kubernetes
    kubernetes.cluster.behaves("orders:v2.1.0", Behaviour("crashes_after", 60))
    kubernetes.logs.writes("orders:v2.1.0", *(f"line {n}" for n in range(50)), *LINES)
    release = await approved(bot, "orders")
    await bot.until("rolled_back", release)
    return release


async def asked(bot: Bot, release: str, by: str = ANA) -> str:
    await bot.says(f"/release logs {release}", by=by)
    await bot.settles()
    return bot.told(by)


async def stored(bot: Bot) -> str:
    """All that the database holds, as text."""
    async with bot.app.store.read() as session:
        connection = await session.connection()
        return await connection.run_sync(_everything)


def _everything(connection: Connection) -> str:
    tables = SQLModel.metadata.sorted_tables
    rows = [row for table in tables for row in connection.execute(table.select())]
    return "\n".join(repr(tuple(row)) for row in rows)


async def test_the_asker_alone_sees_them_masked(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    release = await crashed(bot)
    said = await asked(bot, release, by=DAN)
    assert f"container orders · {release}" in said
    assert "The last 20 lines, for you alone. Its run before, which ended." in said
    message = bot.world.slack.space.ephemerals[-1]
    [box] = [block for block in message.blocks if block["type"] == "rich_text"]
    [part] = box["elements"]
    shown = part["elements"][0]["text"].split("\n")
    assert len(shown) == 20
    assert shown[0] == "line 33"
    assert shown[-2:] == ["db: password=[masked] refused", "<!channel> *bold* & `code`"]
    assert "<!channel>" not in message.text
    assert message.user == DAN
    assert SECRET not in str(bot.world.slack.space.ephemerals)
    assert "Traceback" not in bot.card(release) + bot.thread(release)


async def test_nothing_of_the_text_is_stored_and_the_record_says_who_asked(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    release = await crashed(bot)
    await asked(bot, release, by=DAN)
    kept = await stored(bot)
    assert "Traceback" not in kept
    assert SECRET not in kept
    assert "person:logs:asked" in kept
    assert '"pod":"orders-green-' in kept.replace(" ", "")


async def test_thread_and_details_name_the_command_where_policy_allows_it(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    release = await crashed(bot)
    hint = f"`/release logs {release}` shows its last lines to you alone"
    assert hint.replace("`", "") in bot.thread(release).replace("`", "")
    await bot.clicks("⋯ Details", release=release)
    await bot.settles()
    assert hint.replace("`", "") in bot.told().replace("`", "")


async def test_it_is_off_unless_policy_says_otherwise(bot: Bot) -> None:
    release = await crashed(bot)
    assert "/release logs" not in bot.thread(release)
    said = await asked(bot, release)
    assert "Nobody sees lines of pods of orders in production: policy does not allow it" in said
    assert said.endswith("logs_off")
    assert not [e for e in bot.world.kubernetes.journal if "/log?" in e.path]


async def test_whoever_may_neither_release_nor_roll_back_sees_nothing(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    release = await crashed(bot)
    said = await asked(bot, release, by=CY)
    assert f"You can't see lines of {release}'s pods: it takes owners or responders." in said
    assert said.endswith("no_right")
    assert not [e for e in bot.world.kubernetes.journal if "/log?" in e.path]


async def test_a_release_that_nobody_knows(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    assert (await asked(bot, "rel-zzzz")).endswith("no_such_release")


async def test_in_its_thread_the_release_may_be_left_out(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    release = await crashed(bot)
    await bot.says("logs", thread=bot.card_message(release).ts)
    await bot.settles()
    assert "The last 20 lines, for you alone." in bot.told()


async def test_a_slot_that_was_put_back_has_lost_the_pod(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    bot.world.kubernetes.cluster.behaves("payments:v2.1.0", Behaviour("crashes"))
    release = await approved(bot)
    done = await bot.until("failed", release)
    said = await asked(bot, release, by=BEN)
    assert f"Pod {done.progress.pod} is gone, and its lines with it" in said
    assert said.endswith("pod_gone")


async def test_without_the_right_in_the_cluster(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    release = await crashed(bot)
    bot.world.kubernetes.cluster.deny("get", "pods/log")
    said = await asked(bot, release)
    assert "apply deploy/kubernetes/rbac-logs.yaml" in said
    assert said.endswith("logs_forbidden")


async def test_a_container_that_has_not_run_yet(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    release = await approved(bot)
    bot.world.kubernetes.cluster.behaves("payments:v2.1.0", Behaviour("unschedulable"))
    await bot.until(lambda r: "pods ready" in (r.progress.note or ""), release)
    said = await asked(bot, release)
    assert "Container payments of pod payments-green-" in said
    assert "has not run yet, so it wrote nothing." in said
    assert said.endswith("no_logs")


async def test_where_no_pod_fails_there_is_nothing_to_show(given: Given) -> None:
    bot = await given(catalog=ALLOWED)
    await bot.says("/release payments v2.1.0 prod")
    waiting = (await bot.until("awaiting_approval")).id
    assert (await asked(bot, waiting)).endswith("nothing_to_do")
    await bot.clicks("Approve", by=BEN)
    await bot.until("succeeded", waiting)
    said = await asked(bot, waiting)
    assert f"No pod of {waiting} fails, so there is nothing to show." in said
