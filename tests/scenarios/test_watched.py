"""What the cluster tells of is looked at now; the tick reads the cluster again before it acts."""

from integrations.simulated.kubernetes import Behaviour
from tests.tester import BEN, Bot


async def test_a_change_that_the_cluster_tells_of_is_looked_at_at_once(bot: Bot) -> None:
    await bot.says("/release orders v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    await bot.until(lambda r: r.progress.weight >= 25 and bool(r.progress.note), release)
    bot.world.kubernetes.cluster.behaves("orders:v2.1.0", Behaviour("crashes"))
    bot.app.reconciler.changed(("orders", "production"))
    bot.app.reconciler.changed(("payments", "production"))
    await bot.app.reconciler.start_due()
    await bot.app.reconciler.settle()
    assert (await bot.release(release)).reason == "pods_crash"
    await bot.until("rolled_back", release)
    # What has ended is not woken by a late word of the cluster.
    bot.app.reconciler.changed(("orders", "production"))
    await bot.works()
    assert (await bot.release(release)).state == "rolled_back"
