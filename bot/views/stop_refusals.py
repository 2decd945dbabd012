"""Refusals about locks, freezes and halts: what happened, with which value, and what to do next."""

from collections.abc import Sequence
from datetime import datetime

from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.stops import Stop
from bot.errors import UserError
from bot.views.words import moment, person, safe


def halted_already(halt: Stop, now: datetime) -> UserError:
    """Somebody was quicker."""
    where = halt.environment or "Everything"
    since = moment(halt.since, now)
    return UserError(
        f"{where} is halted already, by {person(halt.by)} at {since}: {safe(halt.reason)}.",
        Reason.ALREADY_SAID,
    )


def not_halted(environment: str | None, standing: Sequence[Stop]) -> UserError:
    """There is no such halt; another may be meant."""
    where = environment or "everything"
    other = next((s for s in standing if environment is None or s.environment is None), None)
    if other is None:
        return UserError(f"Nothing halts {where}: it was let go already.", Reason.BUTTON_OLD)
    command = f"/release halt {other.environment or ''}".strip()
    what = other.environment or "everything"
    return UserError(
        f"Nobody halted {where} as such; {person(other.by)} halted {what}. Say `{command} --off`.",
        Reason.NOTHING_TO_DO,
    )


def is_halted(release: Release, halt: Stop, verb: str) -> UserError:
    """Nothing goes on by one's own word while a halt stands."""
    off = f"/release halt {halt.environment or ''}".strip()
    return UserError(
        f"You can't {verb} {release.id}: {person(halt.by)} halted "
        f"{halt.environment or 'everything'} ({safe(halt.reason)}). Let go of that first: "
        f"`{off} --off`. Roll back is possible at any time.",
        Reason.HALTED,
    )


def bad_time(why: str) -> UserError:
    """The words name no moment that will do."""
    return UserError(f"{why[:1].upper()}{why[1:]}. Nothing was stored.", Reason.NOT_UNDERSTOOD)


def ends_before_it_begins(since: datetime, until: datetime, now: datetime) -> UserError:
    """The two times are the wrong way round."""
    return UserError(
        f"That freeze ends before it begins: from {moment(since, now)}, until "
        f"{moment(until, now)}. Nothing was stored.",
        Reason.NOT_UNDERSTOOD,
    )


def no_such_lock(what: str, known: Sequence[Stop]) -> UserError:
    """Nothing is locked by that name."""
    listed = ", ".join(f"{one.id} ({one.scope} in {one.environment})" for one in known[:5])
    tail = f" There are {listed}." if listed else " There is no lock at all."
    return UserError(f"There is no lock {safe(what)}.{tail}", Reason.NOTHING_TO_DO)


def several_locks(scope: str, environment: str, locks: Sequence[Stop]) -> UserError:
    """The words may mean several, and none of them is one's own."""
    listed = ", ".join(f"`{one.id}` of {person(one.by)}" for one in locks[:5])
    return UserError(
        f"{scope} in {environment} has {len(locks)} locks: {listed}. "
        f"Say which: `/release unlock {locks[0].id}`.",
        Reason.NOT_UNDERSTOOD,
    )


def lifted_already(stop: Stop, now: datetime) -> UserError:
    """It does not stand any more."""
    if stop.lifted_at is None:
        ended = f"ran out at {moment(stop.until or now, now)}"
    else:
        by = f" by {person(stop.lifted_by)}" if stop.lifted_by else ""
        ended = f"was lifted{by} at {moment(stop.lifted_at, now)}"
    return UserError(f"{stop.id} {ended}.", Reason.BUTTON_OLD)


def not_frozen(environment: str) -> UserError:
    """There is nothing to unfreeze."""
    return UserError(
        f"{environment} is not frozen. `/release where {environment}` shows what is in the way.",
        Reason.NOTHING_TO_DO,
    )


def calendars_freeze(environment: str, names: Sequence[str]) -> UserError:
    """It is the catalogue's freeze, and the policy lets nobody pass it by a command."""
    return UserError(
        f"{environment} is frozen by the catalogue ({safe(', '.join(names))}), and that says "
        "nowhere that a command may lift it (`unfreeze: true`). It ends by itself, or change it "
        "there.",
        Reason.FROZEN,
    )


def ended_release(release_id: str) -> UserError:
    """A lock can't belong to what is over."""
    return UserError(
        f"{release_id} has ended, so nothing could end that lock with it. "
        "Say --until, or leave --for away.",
        Reason.NOTHING_TO_DO,
    )
