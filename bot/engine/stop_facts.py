"""What the store knows of stops for one release.

Asked when facts are gathered, when a release starts, and when one goes back. One read beside the
others; nothing outside is asked, for calendars are read by the clock.
"""

from datetime import datetime

from bot.domain.audit import AuditTag
from bot.domain.gates.result import GateResult
from bot.domain.releases import Release
from bot.domain.requests import ReleaseRequest
from bot.domain.rules import Rules
from bot.domain.standing import in_the_way, recorded
from bot.domain.stops import Stop, StopFacts
from bot.store import audit, calendars, stops
from bot.store.session import Session


async def read(
    session: Session, request: ReleaseRequest, rules: Rules, now: datetime, release_id: str | None
) -> StopFacts:
    """Read the stops that concern a release, and the calendars of its rules."""
    found = await stops.standing(session, now, request.environment)
    named = {rule.calendar for rule in (*rules.freezes, *rules.windows) if rule.calendar}
    return StopFacts(
        stops=tuple(
            stop
            for stop in found
            if stop.concerns(request.service, rules.tier, request.environment)
            and (release_id is None or stop.release != release_id)
        ),
        calendars=await calendars.facts(session, named),
    )


async def standing(
    session: Session, release: Release, rules: Rules, now: datetime
) -> tuple[GateResult, ...]:
    """List what stops a release at this moment, as the store has it."""
    known = await read(session, release.request, rules, now, release.id)
    return in_the_way(release.request, rules, known, now)


async def halt_on(session: Session, environment: str, now: datetime) -> Stop | None:
    """Give the halt that stands in an environment, the first of several."""
    found = await stops.standing(session, now, environment)
    return next((s for s in found if s.kind == "halt" and s.stands(now)), None)


async def note_passed(
    session: Session, release: Release, now: datetime, by: str | None = None
) -> None:
    """Write on the record that a way back passed what stops releases, where anything does."""
    known = await read(session, release.request, release.rules, now, release.id)
    passed = in_the_way(release.request, release.rules, known, now)
    if passed:
        told = {gate.gate: recorded(gate) for gate in passed}
        ids = " ".join(stop.id for stop in known.stops if stop.hard and stop.stands(now))
        await audit.append(
            session, AuditTag.STOP_PASSED, release.id, now, actor=by, stops=ids, **told
        )
