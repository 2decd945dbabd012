"""CDEvents 0.5.1: the one table from what happens to a release to the events that tell of it.

Called by `engine.record` in the transaction of the change, for sinks that take this contract.
Pure. What the bot does not know it does not tell: docs/events/README.md says what that leaves out.
Spec: https://github.com/cdevents/spec, tag v0.5.1, and its CloudEvents binding.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any, Literal, NamedTuple, assert_never

from bot.domain.catalog import Catalog
from bot.domain.events import (
    PlatformEvent,
    named_id,
    service_name,
    source_of,
    spelled,
    timestamp,
    to_the_millisecond,
)
from bot.domain.lifecycle import State
from bot.domain.purls import purl_of_image, purl_of_version
from bot.domain.reasons import Reason
from bot.domain.releases import Release

SPEC = "0.5.1"
EVENT_VERSION = "0.3.0"
"""Version that all types used here have in that spec."""

CONTENT_TYPE = "application/cdevents+json"

Json = dict[str, Any]
Outcome = Literal["success", "failure", "cancel", "error"]

_BY_PEOPLE = frozenset({Reason.ROLLED_BACK_BY_PERSON, Reason.CANCELLED_BY_PERSON})
"""Reasons for going back that are a person's wish, and no finding."""


class Happening(StrEnum):
    """What happens to a release that somebody outside may want to hear of."""

    QUEUED = "queued"
    STARTED = "started"
    FOUND_BAD = "found_bad"
    """The bot takes it back by itself, after traffic has moved."""
    FIRST_LIVE = "first_live"
    """It has all traffic, and nothing ran there before."""
    LIVE = "live"
    """It has all traffic, in the place of another version."""
    LIVE_AGAIN = "live_again"
    """A rollback's version has all traffic."""
    TAKEN_BACK = "taken_back"
    """It was undone under way: what ran before has all traffic again."""
    ENDED = "ended"
    MENDED = "mended"
    """A person says that the cause of its going back is mended."""


def happenings(before: Release | None, after: Release) -> tuple[Happening, ...]:
    """Tell what a change of a release means, in the order of telling. `before` None: it is new."""
    was = before.state if before else None
    found = (
        (after.state is State.QUEUED and was is not State.QUEUED, Happening.QUEUED),
        (after.started_at is not None and not (before and before.started_at), Happening.STARTED),
        (_found_bad(before, after), Happening.FOUND_BAD),
        (after.live_since is not None and not (before and before.live_since), _lives(after)),
        (after.state is State.ROLLED_BACK and was is not after.state, Happening.TAKEN_BACK),
        (after.ended and not (before and before.ended), Happening.ENDED),
        (before is not None and before.locks and not after.locks, Happening.MENDED),
    )
    return tuple(happening for happened, happening in found if happened)


def _found_bad(before: Release | None, after: Release) -> bool:
    turned = before is not None and before.state is not State.ROLLING_BACK
    back = turned and after.state is State.ROLLING_BACK
    return back and after.progress.moved and after.reason not in _BY_PEOPLE


def _lives(after: Release) -> Happening:
    if after.kind == "rollback":
        return Happening.LIVE_AGAIN
    plan = after.plan
    first = plan is not None and plan.previous is None and plan.previous_image is None
    return Happening.FIRST_LIVE if first else Happening.LIVE


class Told(NamedTuple):
    """Everything that an event is made from."""

    release: Release
    catalog: Catalog
    chain: str

    @property
    def service(self) -> str:
        """The service, by its name on the platform."""
        return service_name(self.catalog, self.release.service)

    @property
    def environment(self) -> Json:
        """A reference to the environment."""
        return {"id": self.release.environment}

    def purl(self, *, back: bool) -> str | None:
        """The artifact that the release brings, or with `back` the one that ran before it."""
        plan = self.release.plan
        image = plan and (plan.previous_image if back else plan.image)
        if image:
            return purl_of_image(image)
        version = self.release.plan_previous if back else self.release.version
        return purl_of_version(self.service, spelled(version, plan)) if version else None


Content = Callable[[Told], Json | None]
"""Makes what a subject's content is; None where the spec wants something that nobody knows."""


def _name(told: Told) -> str:
    return f"release-bot/{told.release.environment}/{told.release.service}"


def _run(told: Told) -> Json:
    url = told.release.progress.run_url
    return {"pipelineName": _name(told)} | ({"uri": url} if url else {})


def _started_run(told: Told) -> Json:
    # The spec wants an address. A release has no page of its own: its chain names it as well.
    return {"uri": f"urn:uuid:{told.chain}"} | _run(told)


def _finished_run(told: Told) -> Json:
    outcome = outcome_of(told.release.state)
    why = told.release.detail or (told.release.reason and told.release.reason.value)
    errors = {"errors": why} if why and outcome != "success" else {}
    return _run(told) | {"outcome": outcome} | errors


def _new_artifact(told: Told) -> Json | None:
    return _serving(told, told.purl(back=False))


def _old_artifact(told: Told) -> Json | None:
    return _serving(told, told.purl(back=True))


def _serving(told: Told, purl: str | None) -> Json | None:
    return {"environment": told.environment, "artifactId": purl} if purl else None


def _in_environment(told: Told) -> Json:
    return {"environment": told.environment}


def _incident(told: Told) -> Json:
    detail = told.release.detail
    return {
        **({"description": detail} if detail else {}),
        "environment": told.environment,
        "service": {"id": told.service},
        "artifactId": told.purl(back=False),
    }


def _resolved(told: Told) -> Json:
    return {"environment": told.environment, "service": {"id": told.service}}


class Row(NamedTuple):
    """One event: its type, what it says, and what came before it in the chain."""

    subject: Literal["pipelinerun", "service", "incident"]
    predicate: str
    content: Content
    after: tuple["Key", ...] = ()
    """Events of the same release: the first of them that was told is what this one came from."""
    only_after: bool = False
    """Without one of those it isn't told at all."""
    caused_by: tuple["Key", ...] = ()


Key = tuple[Happening, str]
"""An event of a release: in the table once."""

_QUEUED: Key = (Happening.QUEUED, "queued")
_STARTED: Key = (Happening.STARTED, "started")
_DETECTED: Key = (Happening.FOUND_BAD, "detected")
_DEPLOYED: Key = (Happening.FIRST_LIVE, "deployed")
_UPGRADED: Key = (Happening.LIVE, "upgraded")

_PUBLISHED = Row("service", "published", _in_environment, after=(_UPGRADED, _DEPLOYED))

TABLE: Mapping[Happening, tuple[Row, ...]] = {
    Happening.QUEUED: (Row("pipelinerun", "queued", _run),),
    Happening.STARTED: (Row("pipelinerun", "started", _started_run, after=(_QUEUED,)),),
    Happening.FOUND_BAD: (Row("incident", "detected", _incident, after=(_STARTED,)),),
    Happening.FIRST_LIVE: (
        Row("service", "deployed", _new_artifact, after=(_STARTED,)),
        _PUBLISHED,
    ),
    Happening.LIVE: (Row("service", "upgraded", _new_artifact, after=(_STARTED,)), _PUBLISHED),
    # It serves already, and goes on to: what is new is the version alone.
    Happening.LIVE_AGAIN: (Row("service", "rolledback", _new_artifact, after=(_STARTED,)),),
    Happening.TAKEN_BACK: (
        Row("service", "rolledback", _old_artifact, after=(_STARTED,), caused_by=(_DETECTED,)),
    ),
    Happening.ENDED: (
        Row(
            "pipelinerun",
            "finished",
            _finished_run,
            after=(_STARTED, _QUEUED),
            only_after=True,
        ),
    ),
    Happening.MENDED: (
        Row("incident", "resolved", _resolved, after=(_DETECTED,), only_after=True),
    ),
}
"""What is told of what happens, in the order of telling."""


def cdevents_of(
    happened: tuple[Happening, ...],
    release: Release,
    catalog: Catalog,
    at: datetime,
    known: frozenset[str],
) -> list[PlatformEvent]:
    """Make the events of what happened to a release at that moment, in their order.

    `known`: the ids of the events of this release that were told before. One that closes what
    nobody was told of is left out, and no link leads to one.
    """
    told = Told(release, catalog, chain_id(release, catalog))
    ids, made = set(known), []
    for happening in happened:
        for row in TABLE[happening]:
            event = _event(row, (happening, row.predicate), told, at, frozenset(ids))
            if event is not None:
                made.append(event)
                ids.add(event.id)
    return made


def chain_id(release: Release, catalog: Catalog) -> str:
    """Give the chain of a release: one UUID for all that is told of it."""
    return named_id(release, "chain", catalog)


def _id(key: Key, told: Told) -> str:
    return named_id(told.release, f"cdevents/{key[0]}/{key[1]}", told.catalog)


def _event(
    row: Row, key: Key, told: Told, at: datetime, known: frozenset[str]
) -> PlatformEvent | None:
    came_from = [one for one in (_id(before, told) for before in row.after) if one in known][:1]
    content = row.content(told)
    if content is None or (row.only_after and not came_from):
        return None
    causes = [one for one in (_id(cause, told) for cause in row.caused_by) if one in known]
    links = [{"linkType": "PATH", "from": {"contextId": one}} for one in came_from]
    links += [
        {"linkType": "RELATION", "linkKind": "TRIGGER", "target": {"contextId": one}}
        for one in causes
    ]
    release = told.release
    return written(
        (row.subject, row.predicate),
        event_id=_id(key, told),
        chain=told.chain,
        subject=(_subject(row, told), content),
        catalog=told.catalog,
        at=at,
        links=links,
        more={"release": release.id, "version": spelled(release.version, release.plan)},
    )


def written(  # noqa: PLR0913 - what the spec wants of every event
    kind: tuple[str, str],
    *,
    event_id: str,
    chain: str,
    subject: tuple[str, Json],
    catalog: Catalog,
    at: datetime,
    links: list[Json] | None = None,
    more: Json | None = None,
) -> PlatformEvent:
    """Write an event as the spec wants it, in its envelope. `subject`: its id and its content."""
    source, (about, content) = source_of(catalog), subject
    context = {
        "specversion": SPEC,
        "id": event_id,
        "source": source,
        "type": f"dev.cdevents.{kind[0]}.{kind[1]}.{EVENT_VERSION}",
        "timestamp": timestamp(at),
        "chainId": chain,
    } | ({"links": links} if links else {})
    custom = {"customData": more, "customDataContentType": "application/json"} if more else {}
    return PlatformEvent(
        id=event_id,
        source=source,
        type=context["type"],
        subject=about,
        time=to_the_millisecond(at),
        dataschema=f"https://cdevents.dev/{SPEC}/schema/{kind[0]}-{kind[1]}-event",
        datacontenttype=CONTENT_TYPE,
        data={
            "context": context,
            "subject": {"id": about, "source": source, "content": content},
            **custom,
        },
    )


def _subject(row: Row, told: Told) -> str:
    match row.subject:
        case "pipelinerun":
            return told.release.id
        case "service":
            return told.service
        case "incident":
            return f"incident/{told.release.id}"
        case _:
            assert_never(row.subject)


def outcome_of(state: State) -> Outcome:
    """Name an ending in CDEvents' words. Raises ValueError on what is no ending."""
    match state:
        case State.SUCCEEDED:
            return "success"
        case State.ROLLED_BACK | State.FAILED:
            return "failure"
        case State.CANCELLED | State.REJECTED | State.REFUSED | State.EXPIRED:
            return "cancel"
        case State.ABANDONED:
            return "error"
        case (
            State.GATHERING
            | State.BLOCKED
            | State.AWAITING_APPROVAL
            | State.QUEUED
            | State.RUNNING
            | State.PAUSED
            | State.ROLLING_BACK
        ):
            raise ValueError(f"a release that is {state} has not ended")
        case _:
            assert_never(state)
