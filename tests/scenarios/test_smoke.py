"""A smoke test before traffic, by HTTP checks: they pass, fail, hang, and are in doubt."""

import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest

from bot.domain.events import event_of
from integrations.simulated.preview import Page, SimulatedPreview
from tests.scenarios.conftest import Given
from tests.tester import ANA, BEN, CATALOG, Bot, World

SPACE = "production"


@pytest.fixture
async def preview(world: World) -> AsyncIterator[SimulatedPreview]:
    """What stands behind the preview Service; it is well, unless a test says otherwise."""
    made = SimulatedPreview(world.clock.now, world.clock.sleep)
    await made.start()
    made.shows("/health", Page("all is ok"))
    made.shows("/version/v2.1.0/green", Page('{"status": "ok", "up": true}'))
    made.shows("/admin", Page(status=403))
    made.shows("/home", Page(status=302, headers={"Location": "/admin"}))
    yield made
    await made.stop()


def by_http(preview: SimulatedPreview) -> str:
    """The shared catalogue, whose services are tested by four checks of a preview."""
    at = preview.url
    checks = (
        f"{{url: '{at}/health', within: 5s, contains: ok}}, "
        f"{{url: '{at}/version/{{version}}/{{slot}}', equals: {{/status: ok, /up: 'true'}}}}, "
        f"{{url: '{at}/admin', method: HEAD, status: 403}}, "
        f"{{url: '{at}/home', status: 302}}"
    )
    return CATALOG.replace(
        "smoke: {workflow: smoke.yml}", f"smoke: {{http: [{checks}], tries: 3, pause: 5s}}"
    ).replace("{critical: 0, high: 0}}", "{critical: 0, high: 0}, smoke_hosts: [127.0.0.1]}")


async def approved(bot: Bot) -> str:
    await bot.says("/release payments v2.1.0 prod")
    release = (await bot.until("awaiting_approval")).id
    await bot.clicks("Approve", by=BEN)
    return release


Making = Callable[[], Awaitable[Bot]]


@pytest.fixture
def checked(given: Given, preview: SimulatedPreview) -> Making:
    """A bot whose catalogue has the checks."""
    return lambda: given(catalog=by_http(preview))


async def test_checks_that_pass_are_counted(checked: Making, preview: SimulatedPreview) -> None:
    bot = await checked()
    done = await bot.until("succeeded", await approved(bot))
    assert "✓ Smoke: 4 of 4 checks passed." in bot.thread(done.id)
    assert (done.progress.tests_run, done.progress.tests_passed) == (4, 4)
    asked = ["/health", "/version/v2.1.0/green", "/admin", "/home"]
    assert [entry.path for entry in preview.journal] == asked
    results = event_of("DeploymentCompletedEvent", done, bot.app.catalog).data["results"]
    assert (results["testsExecuted"], results["testsPassed"]) == (4, 4)


@pytest.mark.parametrize(
    ("path", "page", "said"),
    [
        ("/health", Page("ok", status=503), "GET /health answered 503; 200 is wanted"),
        ("/health", Page("all is well"), "GET /health lacks what its body must contain"),
        ("/health", Page("ok" + "x" * 2**20), "GET /health has a body of more than 1 MB"),
        (
            "/health",
            Page(status=301, headers={"Location": "/admin"}),
            "GET /health answered 301, a redirect, which is not followed; 200 is wanted",
        ),
        (
            "/version/v2.1.0/green",
            Page('{"status": "down", "up": true}'),
            "GET /version/v2.1.0/green has another value at /status",
        ),
    ],
)
async def test_a_check_that_fails_is_tried_again_and_then_stops_it_before_traffic(
    checked: Making, preview: SimulatedPreview, path: str, page: Page, said: str
) -> None:
    preview.shows(path, page)
    bot = await checked()
    done = await bot.until("failed", await approved(bot))
    assert done.reason == "smoke_failed"
    assert f"Smoke: 3 of 4 passed: {said}." in bot.thread(done.id)
    assert (done.progress.tests_run, done.progress.tests_passed) == (4, 3)
    assert preview.asked[path] == 3
    assert preview.asked.total() == 6
    times = [entry.at for entry in preview.journal if entry.path == path]
    assert all(b - a >= timedelta(seconds=5) for a, b in itertools.pairwise(times))
    assert bot.traffic_changes() == []
    assert bot.image("payments-green") == "quantivista/payments:v1.9.0"


async def test_a_check_that_is_slow_says_how_long_it_took(
    given: Given, preview: SimulatedPreview
) -> None:
    preview.shows("/health", Page("ok", seconds=0.15))
    catalog = by_http(preview).replace("within: 5s", "within: 100ms").replace("tries: 3, ", "")
    bot = await given(catalog=catalog)
    done = await bot.until("failed", await approved(bot))
    assert "Smoke: 3 of 4 passed: GET /health took 1" in bot.thread(done.id)
    assert " ms, 100 allowed." in bot.thread(done.id)


async def test_a_preview_that_is_silent(given: Given, preview: SimulatedPreview) -> None:
    preview.shows("/health", Page("ok", seconds=2.0))
    bot = await given(catalog=by_http(preview).replace("tries: 3", "tries: 1"), io_seconds=0.5)
    done = await bot.until("failed", await approved(bot))
    assert "3 of 4 passed: GET /health gave no answer for 0.5 s." in bot.thread(done.id)


async def test_a_check_that_comes_right_passes(checked: Making, preview: SimulatedPreview) -> None:
    preview.shows("/health", Page("starting", status=503), Page("starting"), Page("ok"))
    bot = await checked()
    release = await approved(bot)
    await bot.until(lambda r: bool(r.progress.checked) and r.progress.checked[-1].passed, release)
    await bot.until(lambda r: "tried again" in (r.progress.note or ""), release)
    said = "3 of 4 checks passed; GET /health answered 503; 200 is wanted, and is tried again"
    assert said in bot.card(release)
    done = await bot.until("succeeded", release)
    assert "✓ Smoke: 4 of 4 checks passed." in bot.thread(done.id)
    assert preview.asked["/health"] == 3
    assert preview.asked.total() == 6


async def test_checks_that_never_come_right_meet_the_deadline(
    given: Given, preview: SimulatedPreview
) -> None:
    preview.shows("/health", Page(status=503))
    text = by_http(preview).replace("tries: 3, pause: 5s", "tries: 20, pause: 10m")
    bot = await given(catalog=text)
    done = await bot.until("failed", await approved(bot))
    assert done.reason == "deadline"
    assert (done.progress.tests_run, done.progress.tests_passed) == (4, 3)
    assert preview.asked["/health"] == 3


async def test_a_host_that_leads_where_it_must_not_is_asked_by_nobody(
    given: Given, preview: SimulatedPreview
) -> None:
    at = preview.url.replace("127.0.0.1", "169.254.169.254")
    text = by_http(preview).replace(f"{preview.url}/health", f"{at}/latest/meta-data")
    bot = await given(catalog=text.replace("[127.0.0.1]", "[127.0.0.1, 169.254.169.254]"))
    done = await bot.until("failed", await approved(bot))
    said = "GET /latest/meta-data was not asked: 169.254.169.254 leads to 169.254.169.254"
    assert f"Smoke: 3 of 4 passed: {said}" in bot.thread(done.id)
    assert done.progress.checked[0].tries == 1


async def test_what_was_asked_is_not_asked_again_after_a_crash(
    checked: Making, preview: SimulatedPreview
) -> None:
    preview.shows("/health", Page(status=503), Page("ok"))
    bot = await checked()
    release = await approved(bot)
    await bot.until(lambda r: len(r.progress.checked) == 4, release)
    await bot.crashes_and_restarts()
    await bot.until("succeeded", release)
    assert preview.asked.total() == 5


async def test_a_preview_that_leads_to_the_live_slot_holds_it(
    checked: Making, preview: SimulatedPreview
) -> None:
    bot = await checked()
    cluster = bot.world.kubernetes.cluster
    where = ("services", SPACE, "payments-preview")
    cluster.edit(*where, {"spec": {"selector": {"slot": "blue"}}})
    release = await approved(bot)
    held = await bot.until("paused", release)
    assert held.reason == "held"
    said = "Service payments-preview leads to blue, not to green"
    assert said in bot.thread(release)
    assert preview.journal == []
    cluster.edit(*where, {"spec": {"selector": {"slot": "green"}}})
    await bot.clicks("Resume", by=ANA)
    await bot.until("succeeded", release)


async def test_a_preview_that_goes_away(checked: Making, preview: SimulatedPreview) -> None:
    bot = await checked()
    release = await approved(bot)
    bot.world.kubernetes.cluster.delete("services", SPACE, "payments-preview")
    done = await bot.until("failed", release)
    assert done.reason == "object_missing"
    assert "Service payments-preview is gone" in bot.thread(release)
    assert preview.journal == []
