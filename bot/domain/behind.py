"""Judges lasting environments: which services fall behind, and which run what no tag has. Pure.

From the ledger, the tags and the images that the cluster shows. Used by `engine.surveys`. Where a
source was silent nothing is said that would need it.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from bot.domain.environments import Behind
from bot.domain.facts import Known, Unknown
from bot.domain.targets import version_in_image
from bot.domain.value import Value
from bot.domain.versions import Version, VersionError


class Lag(StrEnum):
    """How a service is not as it should be. The first that holds is the one that matters."""

    IMAGE_UNTAGGED = "image_untagged"
    NEVER_PROMOTED = "never_promoted"
    VERSIONS_BEHIND = "versions_behind"
    DAYS_BEHIND = "days_behind"


class Stay(Value):
    """A version's time in one environment, as the ledger has it. `until` None: it runs there."""

    version: str
    since: datetime
    until: datetime | None = None


class Tags(Value):
    """A repository's tags and the commits that they lead to. `whole`: there are no others."""

    commits: Mapping[str, str]
    whole: bool = True


class Standing(Value):
    """One service in one environment, and what the environment before it has."""

    service: str
    environment: str
    before: str | None = None
    """The environment before; None: there is none, or the service doesn't run there."""
    runs: Stay | None = None
    ahead: tuple[Stay, ...] = ()
    """Stays in the environment before, oldest first."""
    image: str | None = None
    """What the cluster runs; None: it doesn't say."""
    there: bool = False
    """The cluster has Deployments of it, whatever the ledger knows."""
    tag: str = "{version}"
    pattern: str = ""
    """How the catalogue says that images are named."""


class Late(Value):
    """A service that falls behind, with what is said of it."""

    service: str
    environment: str
    lag: Lag
    before: str | None = None
    newer: str | None = None
    """What the environment before runs."""
    runs: str | None = None
    """What this one runs: a version, or the image that no tag has."""
    versions: int | None = None
    since: datetime | None = None


def judge(one: Standing, tags: Known[Tags] | Unknown, limits: Behind, now: datetime) -> Late | None:
    """Say how a service falls behind; None: it doesn't, or nobody can tell."""
    if _untagged(one, tags):
        return Late(
            service=one.service,
            environment=one.environment,
            lag=Lag.IMAGE_UNTAGGED,
            runs=one.image,
            since=one.runs.since if one.runs else None,
        )
    newest = next((stay for stay in reversed(one.ahead) if stay.until is None), None)
    if one.before is None or newest is None:
        return None
    if one.runs is None:
        return None if one.there else _never(one, newest, limits, now)
    return _behind(one, one.runs, newest, tags, limits, now)


def _untagged(one: Standing, tags: Known[Tags] | Unknown) -> bool:
    """Whether the image names a version or a commit that no tag has."""
    if one.image is None or isinstance(tags, Unknown) or not tags.value.whole:
        return False
    commits = tags.value.commits
    version = version_in_image(one.image, one.pattern)
    if version is not None:
        bare = version.removeprefix("v")
        return not any(one.tag.format(version=v) in commits for v in (version, bare, f"v{bare}"))
    commit = _commit_in(one.image, one.pattern)
    return commit is not None and not any(sha.startswith(commit) for sha in commits.values())


def _commit_in(image: str, pattern: str) -> str | None:
    before, hole, after = pattern.partition("{commit}")
    if not hole:
        return None
    regex = f"(?:.*/)?{re.escape(before)}(?P<commit>[0-9a-f]+){re.escape(after)}(?:@sha256:.+)?"
    found = re.fullmatch(regex, image)
    return found["commit"] if found else None


def _never(one: Standing, newest: Stay, limits: Behind, now: datetime) -> Late | None:
    since = one.ahead[0].since
    if now - since < timedelta(days=limits.days):
        return None
    return Late(
        service=one.service,
        environment=one.environment,
        lag=Lag.NEVER_PROMOTED,
        before=one.before,
        newer=newest.version,
        since=since,
    )


def _behind(
    one: Standing,
    runs: Stay,
    newest: Stay,
    tags: Known[Tags] | Unknown,
    limits: Behind,
    now: datetime,
) -> Late | None:
    here, there = _version(runs.version), _version(newest.version)
    if here is None or there is None or there <= here:
        return None
    between = None if isinstance(tags, Unknown) else _between(one.tag, tags.value, here, there)
    since = next(stay.since for stay in one.ahead if _is_newer(stay, here))
    late = Late(
        service=one.service,
        environment=one.environment,
        lag=Lag.VERSIONS_BEHIND,
        before=one.before,
        newer=newest.version,
        runs=runs.version,
        versions=between,
        since=since,
    )
    if between is not None and between >= limits.versions:
        return late
    if now - since >= timedelta(days=limits.days):
        return late.model_copy(update={"lag": Lag.DAYS_BEHIND})
    return None


def _is_newer(stay: Stay, here: Version) -> bool:
    version = _version(stay.version)
    return version is not None and version > here


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except VersionError:
        return None


def _between(pattern: str, tags: Tags, here: Version, there: Version) -> int:
    """Count the tagged versions above the one and up to the other; pre-releases only at the end."""
    start, _, end = pattern.partition("{version}")
    count = 0
    for name in tags.commits:
        if not name.startswith(start) or not name.endswith(end):
            continue
        version = _version(name[len(start) : len(name) - len(end)])
        if version is None or not here < version <= there:
            continue
        if version.parsed.prerelease and version != there:
            continue
        count += 1
    return count
