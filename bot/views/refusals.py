"""Refusals: what happened, with which value, and what to do next. Each has a reason code."""

from collections.abc import Sequence

from bot.domain.lifecycle import WAITING, State
from bot.domain.plans import short_digest
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.domain.versions import bare, nearest, say_newest
from bot.errors import UserError
from bot.views.words import moment, people, person

_ENDED = {
    State.SUCCEEDED: "is live and settled",
    State.ROLLED_BACK: "was rolled back",
    State.FAILED: "failed before traffic moved",
    State.CANCELLED: "was cancelled",
    State.REJECTED: "was rejected",
    State.REFUSED: "was refused: it stayed blocked until its time was over",
    State.EXPIRED: "expired: nobody approved it in time",
    State.ABANDONED: "was abandoned",
}

_NOW = {
    State.GATHERING: "is asking its gates",
    State.BLOCKED: "is blocked",
    State.AWAITING_APPROVAL: "waits for approval",
    State.QUEUED: "is approved and about to start",
    State.RUNNING: "is running",
    State.PAUSED: "is held",
    State.ROLLING_BACK: "is going back",
}


def state_words(release: Release) -> str:
    """Say in words where a release is."""
    if release.state is State.PAUSED and release.reason is not Reason.HELD:
        return "is paused"
    if release.state is State.REFUSED and release.run is not None:
        return "was refused: a gate said no"
    return _ENDED.get(release.state) or _NOW[release.state]


def no_right(what: str, who: Sequence[str], roles: Sequence[str]) -> UserError:
    """The person may not; say who may."""
    named = people(list(who))
    if not roles:
        return UserError(
            f"You can't {what}: the catalogue gives nobody that right.", Reason.NO_RIGHT
        )
    needed = " or ".join(role.replace("-", " ") for role in roles)
    tail = f" {named} can." if named else " Nobody has that role yet: the catalogue says who."
    return UserError(f"You can't {what}: it takes {needed}.{tail}", Reason.NO_RIGHT)


def no_such_version(service: str, version: str, tag: str, newest: Sequence[str]) -> UserError:
    """The version has no tag; say which was probably meant, and which are the newest."""
    guess = nearest(version, newest)
    mean = f" Did you mean {guess}?" if guess else ""
    said = f"{service} has no tag {tag}.{mean} {say_newest(newest)}"
    return UserError(said, Reason.VERSION_UNKNOWN)


def own_request(others: Sequence[str]) -> UserError:
    """Nobody approves what they asked for themselves."""
    who = f" Any of {people(list(others))} can." if others else " Nobody else has that role yet."
    return UserError(f"You can't approve this: you asked for it.{who}", Reason.OWN_REQUEST)


def check_digest(release: Release, digest: str | None) -> None:
    """Raise where somebody speaks of another plan than the present one."""
    if digest is not None and release.digest and not release.digest.startswith(digest):
        raise UserError(
            f"That was for plan {digest[:8]}; the plan is {short_digest(release.digest)} now. "
            "Look at the card and decide anew.",
            Reason.DIGEST_OLD,
        )


def going_back(release: Release) -> UserError:
    """Somebody, or the bot itself, was quicker."""
    return UserError(f"{release.id} is going back already.", Reason.ALREADY_SAID)


def no_such_release(release_id: str) -> UserError:
    """The id is nobody's."""
    return UserError(
        f"There is no release {release_id}. `/release status` lists those under way.",
        Reason.NO_SUCH_RELEASE,
    )


def no_meaning(release: Release, verb: str) -> UserError:
    """Nothing of this release can be paused, resumed or promoted where it is now."""
    if release.state in WAITING or release.state is State.QUEUED:
        sentence = f"{release.id} {state_words(release)}: there is nothing to {verb} yet."
        return UserError(sentence, Reason.NOTHING_TO_DO)
    if release.state not in (State.RUNNING, State.PAUSED):
        return too_late(release, verb)
    if verb == "promote" and release.state is State.PAUSED:
        next_ = "Look at it, then Resume or Roll back."
        return UserError(f"{release.id} {state_words(release)}. {next_}", Reason.BUTTON_OLD)
    if verb == "promote":
        why = "there is no bake to end: it goes on by itself as soon as the step is done"
        return UserError(f"{release.id} is running, and {why}.", Reason.NOTHING_TO_DO)
    return UserError(f"{release.id} {state_words(release)} already.", Reason.ALREADY_SAID)


def waits_already(release: Release) -> UserError:
    """There is nothing to wait for that comes after the release's own time."""
    if release.ended:
        return too_late(release, "wait")
    sentence = f"{release.id} {state_words(release)}, and waits for no time beyond its own."
    return UserError(sentence, Reason.NOTHING_TO_DO)


def too_late(release: Release, verb: str) -> UserError:
    """The button is old: say what happened instead."""
    by = ""
    if release.acted_by and release.acted_at:
        when = moment(release.acted_at, release.ended_at or release.acted_at)
        by = f" by {person(release.acted_by)} at {when}"
    sentence = f"That is no longer possible ({verb}): {release.id} {state_words(release)}{by}."
    if release.state is State.SUCCEEDED:
        sentence += f" `/release rollback {release.service} {release.environment}` takes it back."
    return UserError(sentence, Reason.BUTTON_OLD)


def under_way(release: Release) -> UserError:
    """Another release holds the target."""
    return UserError(
        f"Another release of {release.service} is under way in {release.environment}. "
        "Roll that one back, or cancel it first.",
        Reason.UNDER_WAY,
    )


def check_rollback(release: Release, newer: Release | None) -> None:
    """Raise where a finished release can't be taken back any more."""
    if release.undone_by is not None:
        raise UserError(
            f"{release.id} was rolled back already, by {release.undone_by}.", Reason.ALREADY_SAID
        )
    if release.state is not State.SUCCEEDED:
        raise too_late(release, "roll back")
    if release.kind == "rollback":
        raise UserError(
            f"{release.id} is a rollback. To go forward again, release a version.",
            Reason.NOTHING_TO_DO,
        )
    if newer is not None and newer.stands:
        raise UserError(
            f"{newer.id} started after {release.id}, so its old version is gone from the other "
            f"slot. Roll back {newer.id} instead.",
            Reason.BUTTON_OLD,
        )


def goes_back_already(release: Release, rollback: str) -> UserError:
    """Somebody was quicker."""
    return UserError(f"{rollback} takes {release.id} back already.", Reason.ALREADY_SAID)


def window_closed(release: Release) -> UserError:
    """The window closed between the click and its turn."""
    return UserError(
        f"The instant way back of {release.id} has just closed. Ask once more: it takes a release "
        f"then. `/release rollback {release.service} {release.environment}`",
        Reason.WINDOW_CLOSED,
    )


def nothing_before(release: Release, version: str | None, ran: Sequence[str]) -> UserError:
    """Nothing that ran here before is left to go back to."""
    where = f"{release.service} in {release.environment}"
    known = ", ".join(dict.fromkeys(bare(one) for one in ran)) or "nothing"
    if version is not None:
        sentence = f"{bare(version)} was never live and well for {where}. What was: {known}."
    else:
        sentence = f"The bot knows of nothing that ran for {where} before {bare(release.version)}."
    next_ = f"`/release {release.service} VERSION {release.environment}` releases any version."
    return UserError(f"{sentence} {next_}", Reason.NOTHING_TO_DO)
