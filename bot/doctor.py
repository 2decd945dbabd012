"""`release-bot doctor`: looks at every system side by side, and at what lies between them.

Used by `app`, which hands in how to look at each system. Here are the settings, the clocks and
whether webhooks arrive. Changes nothing, and never says a secret.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path

from bot.domain.applying import shows_logs
from bot.domain.catalog import Catalog
from bot.domain.emergency import channels as emergency_channels
from bot.domain.indicators import filled
from bot.domain.rules import runs_in
from bot.domain.targets import Target, target_of
from bot.errors import PermanentError, TemporaryError
from bot.ports import Checkup, Finding
from bot.settings import Settings
from bot.store import checkup, webhooks
from bot.store.session import Store

SECONDS = 30.0
"""How long one system has for all that is asked of it."""

CLOCK_SECONDS = 2.0
"""Seconds between two clocks that are worth a word."""

QUIET = timedelta(days=7)
"""How long without a webhook from a repository is worth a word."""

NAMED = 5
"""Repositories that one line names."""

README = "README, Connect the real systems, says where it comes from."

Gated = dict[str, tuple[tuple[str, ...], ...]]
"""By repository, the names of each environment for which GitHub is to ask the bot."""

Look = Callable[[], Awaitable[Checkup]]


async def examine(
    settings: Settings,
    looks: Mapping[str, Look],
    arrivals: Mapping[str, datetime],
    now: datetime,
    seconds: float = SECONDS,
) -> list[Finding]:
    """Look at all of it. `arrivals`: when the last webhook of each repository came."""
    names = list(looks)
    seen = await asyncio.gather(*(_within(name, looks[name], seconds) for name in names))
    found = [*of_settings(settings), *(f for checkup in seen for f in checkup.findings)]
    found += of_clocks(
        {n: c.ahead for n, c in zip(names, seen, strict=True) if c.ahead is not None}
    )
    if settings.github_webhook_secret is not None:
        unheard = [name for checkup in seen for name in checkup.unheard]
        found += of_webhooks(unheard, arrivals, now)
    return found


async def _within(name: str, look: Look, seconds: float) -> Checkup:
    """Give one system its time. Whatever ails it is a finding, and none of the others' business."""
    try:
        async with asyncio.timeout(seconds):
            return await look()
    except TimeoutError:
        said = f"It gave no whole answer within {seconds:g} s."
        return _only(_bad(name, said, "Run this again; look at the network if it stays so."))
    except (TemporaryError, PermanentError) as error:
        return _only(_bad(name, f"{error}.", "Run this again in a minute."))
    except Exception as error:  # noqa: BLE001 - a doctor reports whatever ails
        # The message of an unknown fault may hold anything, a secret too.
        said = f"It can't be examined: {type(error).__name__}."
        return _only(_bad(name, said, "This is a fault of the bot; please report it."))


def of_settings(settings: Settings) -> list[Finding]:
    """Say what is not set, or set by half."""
    unset = []
    if settings.slack_bot_token is None:
        unset.append(("SLACK_BOT_TOKEN", README))
    if settings.slack_signing_secret is None and settings.slack_app_token is None:
        unset.append(("SLACK_SIGNING_SECRET", f"{README} Or set SLACK_APP_TOKEN for Socket Mode."))
    if settings.github_webhook_secret is None and settings.slack_app_token is None:
        unset.append(("GITHUB_WEBHOOK_SECRET", f"{README} Without it GitHub is polled."))
    found = [_bad("Settings", f"{name} is not set.", remedy) for name, remedy in unset]
    found += [*_of_github(settings), *_of_kubeconfig(settings)]
    return found or [_good("Settings", "What the bot needs is set.")]


def _of_github(settings: Settings) -> list[Finding]:
    app = {
        "GITHUB_APP_ID": settings.github_app_id,
        "GITHUB_APP_PRIVATE_KEY": settings.github_app_private_key,
        "GITHUB_APP_INSTALLATION_ID": settings.github_app_installation_id,
    }
    missing = [name for name, value in app.items() if value is None]
    if settings.github_token is not None:
        if len(missing) == len(app):
            return []
        said = "Both GITHUB_TOKEN and a GitHub App are set; the token is used."
        return [_bad("Settings", said, "Take one of them away.")]
    if len(missing) == len(app):
        remedy = f"{README} A GitHub App will do instead."
        return [_bad("Settings", "GITHUB_TOKEN is not set.", remedy)]
    return [_bad("Settings", f"{name} is not set.", README) for name in missing]


def _of_kubeconfig(settings: Settings) -> list[Finding]:
    file = settings.kubeconfig
    if file is None or Path(file).is_file():
        return []
    remedy = "Name a kubeconfig that is there, or leave it away inside a cluster."
    return [_bad("Settings", f"KUBECONFIG names {file}, and there is no such file.", remedy)]


def of_clocks(ahead: Mapping[str, float]) -> list[Finding]:
    """Compare this host's clock with those of the others, each ahead by so many seconds."""
    if not ahead:
        return []
    off = {name: by for name, by in ahead.items() if abs(by) > CLOCK_SECONDS}
    if not off:
        names = ", ".join(ahead)
        said = f"This host's agrees with {names} to within {CLOCK_SECONDS:g} s."
        return [_good("Clocks", said)]
    ours = len(ahead) > 1 and len(off) == len(ahead)
    remedy = (
        "Synchronise this host (NTP): Slack's requests are refused at five minutes, and"
        " GitHub's keys for an App at one."
        if ours
        else "Synchronise it, or this host (NTP): Slack's requests are refused at five minutes."
    )
    return [
        _bad("Clocks", f"{name} is {abs(by):.0f} s {_word(by)} this host.", remedy)
        for name, by in off.items()
    ]


def _word(ahead: float) -> str:
    return "ahead of" if ahead > 0 else "behind"


def of_webhooks(
    unheard: list[str], arrivals: Mapping[str, datetime], now: datetime
) -> list[Finding]:
    """Say from which repositories no webhook came lately, where GitHub does not tell of them."""
    quiet = [name for name in unheard if now - arrivals.get(name.lower(), now - 2 * QUIET) > QUIET]
    if not unheard:
        return []
    if not quiet:
        said = f"One came in the last {QUIET.days} days from each of {len(unheard)} repositories."
        return [_good("Webhooks", said)]
    more = f" and {len(quiet) - NAMED} more" if len(quiet) > NAMED else ""
    said = f"None came in the last {QUIET.days} days from {', '.join(quiet[:NAMED])}{more}."
    remedy = (
        "Add one to https://YOUR-HOST/github/webhooks with GITHUB_WEBHOOK_SECRET as its secret, "
        "as JSON, for workflow runs, check suites, creations and pushes. Until then it is polled."
    )
    return [_bad("Webhooks", said, remedy)]


async def arrivals(store: Store) -> dict[str, datetime]:
    """When the last webhook of each repository came; nothing where the store can't tell."""
    if not checkup.is_there(store):
        return {}
    try:
        async with store.read() as session:
            return await webhooks.arrivals(session)
    except TemporaryError:
        return {}


def targets(catalog: Catalog) -> list[Target]:
    """List every service in every environment that it runs in."""
    return [
        target_of(catalog, service, environment)
        for environment in catalog.environments
        for service, entry in catalog.services.items()
        if runs_in(entry, environment)
    ]


def with_logs(catalog: Catalog) -> list[Target]:
    """List those of which a policy lets people ask for the last lines of a pod."""
    return [
        target
        for target in targets(catalog)
        if shows_logs(catalog, target.service, target.environment)
    ]


def channels(catalog: Catalog) -> tuple[str, ...]:
    """List the channels that the bot speaks in by itself."""
    stale, audit = catalog.reports.stale, catalog.audit
    own = [stale.channel if stale else None, audit.checkpoints if audit else None]
    own += sorted(emergency_channels(catalog))
    named = (*catalog.slack.channels, *(channel for channel in own if channel))
    return tuple(dict.fromkeys(named))


def usergroups(catalog: Catalog) -> tuple[str, ...]:
    """List the user groups that hold roles or own services."""
    groups = (*catalog.roles.values(), *(service.owners for service in catalog.services.values()))
    return tuple(dict.fromkeys(name for group in groups for name in group.usergroups))


def of_code(
    catalog: Catalog,
) -> tuple[dict[str, tuple[str, ...]], str | None, dict[str, frozenset[str]], Gated]:
    """Collect what GitHub is looked at for: workflows, passing environments, numbers, gates."""
    return repositories(catalog), passing(catalog), numbers(catalog), gated(catalog)


def gated(catalog: Catalog) -> Gated:
    """List the environments of each repository for which GitHub is to ask the bot."""
    found: dict[str, set[tuple[str, ...]]] = {}
    for environment, env in catalog.environments.items():
        for service in catalog.services.values():
            if env.github_gate and runs_in(service, environment):
                found.setdefault(service.repository, set()).add((environment, *env.aliases))
    return {name: tuple(sorted(places)) for name, places in found.items()}


def passing(catalog: Catalog) -> str | None:
    """Name the repository that environments come and go with, where the catalogue does."""
    return catalog.ephemeral.repository if catalog.ephemeral else None


def repositories(catalog: Catalog) -> dict[str, tuple[str, ...]]:
    """List the workflow files that each repository should have, in the order of their names."""
    found: dict[str, set[str]] = {}
    for service in catalog.services.values():
        wanted = found.setdefault(service.repository, set())
        smoke = service.smoke.workflow if service.smoke else None
        wanted.update(file for file in (service.deploy.workflow, smoke) if file)
    return {name: tuple(sorted(files)) for name, files in found.items()}


def numbers(catalog: Catalog) -> dict[str, frozenset[str]]:
    """List what the catalogue takes for the number of each repository that sends evidence."""
    found: dict[str, set[str]] = {}
    for service in catalog.services.values():
        if service.evidence.repository_id is not None:
            found.setdefault(service.repository, set()).add(service.evidence.repository_id)
    return {name: frozenset(numbers) for name, numbers in found.items()}


def selectors(catalog: Catalog) -> list[tuple[str, tuple[str, ...]]]:
    """List what the services' metrics are counted by, for both slots, where they run."""
    return [
        (f"{name} in {environment}", _for_each_slot(one.requests, name, env.namespace))
        for name, service in catalog.services.items()
        for environment, env in catalog.environments.items()
        if runs_in(service, environment)
        for one in service.metrics.indicators.values()
    ]


def _for_each_slot(selector: str, service: str, namespace: str) -> tuple[str, ...]:
    # While no update is under way a Rollout has no canary to count.
    slots = ("blue",) if "{role}" in selector else ("blue", "green")
    return tuple(filled(selector, service=service, namespace=namespace, slot=s) for s in slots)


def _only(finding: Finding) -> Checkup:
    return Checkup(findings=(finding,))


def _good(subject: str, sentence: str) -> Finding:
    return Finding(good=True, subject=subject, sentence=sentence)


def _bad(subject: str, sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject=subject, sentence=sentence, remedy=remedy)
