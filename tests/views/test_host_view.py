"""What GitHub shows of a release, in every state: few of them, and short."""

import pytest
from inline_snapshot import snapshot

from bot.domain.lifecycle import ENDINGS, State
from bot.domain.reasons import Reason
from bot.domain.releases import Progress, Release
from bot.views import host_view
from tests.views.releases import release


def told(of: Release, superseded_by: str | None = None) -> str:
    """Both parts as a person on GitHub reads them."""
    view = host_view.draw(of, superseded_by=superseded_by)
    if view is None:
        return "(as it is)"
    plan, made = view.plan, view.deployment
    lines = [f"{plan.context} {plan.state}: {plan.description}"]
    if made is not None:
        lines.append(f"{made.making} {made.state}: {made.description}")
    return "\n".join(lines)


def test_all_states() -> None:
    shown = "\n\n".join(f"{state}\n{told(release(state, step=2))}" for state in State)
    assert shown == snapshot("""\
gathering
(as it is)

blocked
release-bot/production/payments pending: 2.1.0 for production waits for a gate. rel-7k3f

awaiting_approval
release-bot/production/payments pending: 2.0.5 → 2.1.0 for production is asked for, and not done yet. rel-7k3f

queued
release-bot/production/payments pending: 2.0.5 → 2.1.0 for production is asked for, and not done yet. rel-7k3f
make pending: payments 2.1.0 is approved and about to start. rel-7k3f

running
release-bot/production/payments pending: 2.0.5 → 2.1.0 for production is asked for, and not done yet. rel-7k3f
make in_progress: payments 2.1.0 is under way. rel-7k3f

paused
release-bot/production/payments pending: 2.0.5 → 2.1.0 for production is asked for, and not done yet. rel-7k3f
make in_progress: payments 2.1.0 is held until a person has looked. rel-7k3f

rolling_back
release-bot/production/payments pending: 2.0.5 → 2.1.0 for production is asked for, and not done yet. rel-7k3f
keep in_progress: payments 2.1.0 is under way. rel-7k3f

succeeded
release-bot/production/payments success: 2.1.0 is live in production. rel-7k3f
make success: payments 2.1.0 is live. rel-7k3f

rolled_back
release-bot/production/payments failure: 2.1.0 was taken back from production. rel-7k3f
adopt failure: payments 2.1.0 was taken back. rel-7k3f

failed
release-bot/production/payments failure: 2.1.0 failed before it took traffic in production. rel-7k3f
adopt failure: payments 2.1.0 failed before it took traffic. rel-7k3f

cancelled
release-bot/production/payments error: 2.1.0 for production was cancelled. rel-7k3f
adopt inactive: payments 2.1.0 was ended before it took traffic. rel-7k3f

rejected
release-bot/production/payments failure: 2.1.0 for production was rejected. rel-7k3f
adopt inactive: payments 2.1.0 was ended before it took traffic. rel-7k3f

refused
release-bot/production/payments failure: 2.1.0 for production was refused. rel-7k3f
adopt inactive: payments 2.1.0 was ended before it took traffic. rel-7k3f

expired
release-bot/production/payments error: 2.1.0 for production was not approved in time. rel-7k3f
adopt inactive: payments 2.1.0 was ended before it took traffic. rel-7k3f

abandoned
release-bot/production/payments error: 2.1.0 for production was abandoned. rel-7k3f
adopt error: payments 2.1.0 was abandoned; look at the cluster. rel-7k3f\
""")


def test_an_ending_names_its_reason_and_who_took_it_back() -> None:
    failed = release(State.FAILED, step=2, reason=Reason.PODS_CRASH)
    assert told(failed) == snapshot("""\
release-bot/production/payments failure: 2.1.0 failed before it took traffic in production (pods_crash). rel-7k3f
adopt failure: payments 2.1.0 failed before it took traffic (pods_crash). rel-7k3f\
""")
    undone = release(State.SUCCEEDED, step=7, undone_by="rel-9x9x")
    assert told(undone) == snapshot("""\
release-bot/production/payments failure: 2.1.0 was taken back from production by rel-9x9x. rel-7k3f
keep inactive: payments 2.1.0 was taken back by rel-9x9x. rel-7k3f\
""")
    assert told(release(State.SUCCEEDED, step=7), "rel-9x9x") == snapshot("""\
release-bot/production/payments success: 2.1.0 is live in production. rel-7k3f
adopt inactive: payments 2.1.0 was followed by rel-9x9x. rel-7k3f\
""")
    blocked = release(State.BLOCKED, reason=Reason.NOT_PROMOTED, detail="a secret of theirs")
    assert told(blocked) == snapshot(
        "release-bot/production/payments pending: 2.1.0 for production waits for a gate (not_promoted). rel-7k3f"
    )


def test_without_a_plan_or_while_it_is_made_anew_there_is_nothing_new_to_show() -> None:
    assert host_view.draw(release(State.BLOCKED, plan_text=None)) is None
    assert host_view.draw(release(State.GATHERING)) is None


def test_while_a_deploying_run_is_under_way_its_job_may_make_the_deployment() -> None:
    running = host_view.draw(release(State.RUNNING, step=0))
    assert running is not None
    assert running.deployment is None
    ended = host_view.draw(release(State.RUNNING, step=1))
    assert ended is not None
    assert ended.deployment is not None


@pytest.mark.parametrize("state", list(State))
def test_descriptions_fit_however_long_the_names_are(state: State) -> None:
    long = release(state, step=2, reason=Reason.PODS_MISCONFIGURED)
    request = long.request.model_copy(update={"version": f"v1.0.0-{'x' * 200}"})
    view = host_view.draw(long.model_copy(update={"request": request}))
    if view is None:
        assert state is State.GATHERING
        return
    said = [view.plan.description, *([view.deployment.description] if view.deployment else [])]
    assert all(len(text) <= host_view.WIDTH for text in said)
    assert all(text.endswith(" rel-7k3f") for text in said)


def test_only_what_github_shows_asks_for_a_new_view() -> None:
    running = release(State.RUNNING, step=2)
    progress = Progress(step=3, weight=50, note="other", trouble="other", moved=True)
    assert not host_view.looks_different(running, running.model_copy(update={"progress": progress}))
    back = Progress(track="undo", step=0, moved=True)
    turned = running.model_copy(update={"state": State.ROLLING_BACK, "progress": back})
    assert not host_view.looks_different(running, turned), "a click for the way back has no time"
    for state in ENDINGS:
        assert host_view.looks_different(running, running.model_copy(update={"state": state}))
    first = release(State.RUNNING, step=0)
    assert host_view.looks_different(first, release(State.RUNNING, step=1))
    for changes in ({"undone_by": "rel-9x9x"}, {"plan_text": "{}"}, {"state": State.PAUSED}):
        assert host_view.looks_different(running, running.model_copy(update=changes))


def test_the_link_leads_to_the_channel() -> None:
    assert host_view.link("T1", "C1") == "https://slack.com/app_redirect?team=T1&channel=C1"
    assert host_view.link(None, "C1") == "https://slack.com/app_redirect?channel=C1"
