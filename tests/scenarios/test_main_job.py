"""The main job: from the request to a verified switch, and back with one click."""

from tests.tester import ANA, BEN, Bot


async def test_a_release_goes_from_request_to_success(bot: Bot) -> None:
    await bot.says("/release payments v2.1.0 prod")
    release = await bot.until("awaiting_approval")
    await bot.clicks("Approve", by=BEN)
    release = await bot.until("succeeded")
    assert bot.live("payments") == "green"
    assert release.live_since is not None
    assert await bot.runs("payments") == "v2.1.0"
    await bot.clicks("Roll back", by=ANA)
    rollback = await bot.until("succeeded")
    assert rollback.kind == "rollback"
    assert bot.live("payments") == "blue"
