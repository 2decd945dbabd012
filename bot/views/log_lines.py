"""The last lines of a pod's log, and why they are not shown. The lines come masked."""

from bot.domain.pods import PodSeen
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.errors import UserError
from bot.ports import Message
from bot.views import blocks
from bot.views.words import count, safe

SHOWN = 20
"""Lines that are shown."""

LINE = 400
"""Characters of a line that are shown."""

ALL = 2800
"""Characters that are shown in all; the oldest lines go first."""


def shown(release: Release, pod: PodSeen, text: str, *, whole: bool) -> Message:
    """Show the newest lines to one person, as text in which nothing is markup."""
    lines = _newest(text)
    run = " Its run before, which ended." if pod.crashed else ""
    cut = "" if whole else " The log's very end is left out: these lines are too long."
    head = (
        f"*{safe(pod.name)}* · container {safe(pod.container)} · {release.id}\n"
        f"The last {count(len(lines), 'line')}, for you alone.{run}{cut} What looks like a "
        "secret is masked, and nothing of it is kept."
    )
    if not lines:
        nothing = f"*{safe(pod.name)}*: container {safe(pod.container)} has written nothing."
        return Message(text=nothing, blocks=(blocks.section(nothing),))
    body = "\n".join(lines)
    return Message(
        text=f"{head}\n{safe(body)}", blocks=(blocks.section(head), blocks.preformatted(body))
    )


def _newest(text: str) -> list[str]:
    kept: list[str] = []
    room = ALL
    for line in reversed([line for line in text.split("\n") if line.strip()][-SHOWN:]):
        short = blocks.cut(line, LINE)
        room -= len(short) + 1
        if room < 0:
            break
        kept.append(short)
    return kept[::-1]


WROTE = frozenset({Reason.PODS_CRASH, Reason.PODS_UNREADY, Reason.ROLLOUT_FAILED})
"""Reasons of a failure by a pod whose container has run, so that it may have written why."""


def is_worth_asking(release: Release) -> bool:
    """Whether a pod's lines may tell why the release is where it is."""
    return release.reason in WROTE or release.progress.short_since is not None


def hint(release_id: str) -> str:
    """Say how to see the lines, while there is something to see."""
    return (
        f"`/release logs {release_id}` shows its last lines to you alone, while the pod is there."
    )


def off(service: str, environment: str) -> UserError:
    """The policy doesn't let anybody ask."""
    return UserError(
        f"Nobody sees lines of pods of {service} in {environment}: policy does not allow it "
        "(`logs: allowed` would; `release-bot policy explain` says which policy applies).",
        Reason.LOGS_OFF,
    )


def gone(pod: str) -> UserError:
    """The pod that failed is not there any more."""
    return UserError(
        f"Pod {pod} is gone, and its lines with it: a slot that is put back loses the pods that "
        "failed. Look where your logs are collected.",
        Reason.POD_GONE,
    )


def nothing_fails(release: Release) -> UserError:
    """No pod of the release is in trouble."""
    return UserError(
        f"No pod of {release.id} fails, so there is nothing to show.", Reason.NOTHING_TO_DO
    )


def nothing_written(pod: PodSeen) -> UserError:
    """The container has not run yet."""
    why = f" ({pod.word})" if pod.word else ""
    return UserError(
        f"Container {pod.container} of pod {pod.name} has not run yet{why}, so it wrote nothing.",
        Reason.NO_LOGS,
    )


def forbidden(what: str) -> UserError:
    """The cluster doesn't let the bot read logs."""
    return UserError(f"{what.rstrip('.')}.", Reason.LOGS_FORBIDDEN)
