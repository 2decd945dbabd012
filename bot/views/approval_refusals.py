"""Refusals about approvals: what happened, with which value, and what to do next."""

from collections.abc import Sequence

from bot.domain.approving import Authorship
from bot.domain.reasons import Reason
from bot.domain.releases import Approval, Release
from bot.errors import UserError
from bot.views.words import count, person, safe


def author(found: Authorship, release: Release, user: str, login: str | None) -> UserError:
    """The policy wants somebody else than the authors, and this person is one, or can't be told."""
    what = f"{release.id} takes a person who has no commit in it"
    anew = f"`/release cancel {release.id}` and ask again"
    name = person(user)
    match found:
        case "author":
            sentence = f"You can't approve this: commits of {safe(login or '')} ({name}) are in it."
            return UserError(f"{sentence} Somebody else has to.", Reason.OWN_COMMITS)
        case "no_login":
            why = f"the catalogue ties no GitHub login to {name}"
            next_ = "Put it under `people` in the catalogue."
        case "unlisted":
            number = release.diff.unlisted if release.diff else 0
            why = f"GitHub doesn't list {count(number, 'commit')} of it"
            next_ = "Release in smaller steps, or let the policy say not_an_author: false."
        case "unlinked":
            number = release.diff.unlinked if release.diff else 0
            verb = "belongs" if number == 1 else "belong"
            why = f"{count(number, 'commit')} of it {verb} to no GitHub account"
            next_ = f"Once its author has added the address to theirs, {anew}."
        case _:
            why = "what changed since the live version is not known"
            next_ = f"Once GitHub answers, {anew}."
    return UserError(f"{what}, and {why}. {next_}", Reason.AUTHORS_UNKNOWN)


def checklist_open(release: Release, left: Sequence[str]) -> UserError:
    """Boxes are not ticked yet."""
    named = ", ".join(f'"{safe(item)}"' for item in left)
    return UserError(
        f"Not yet: {count(len(left), 'item')} of {release.id}'s checklist "
        f"{'is' if len(left) == 1 else 'are'} open: {named}. Tick them on the card, then approve.",
        Reason.CHECKLIST_OPEN,
    )


def people_only(what: str) -> UserError:
    """The policy stops automation, and this is no person."""
    return UserError(
        f"Only a person can {what} here: the policy says people_only. "
        "Say it yourself, with the command.",
        Reason.PEOPLE_ONLY,
    )


def right_used(vote: Approval) -> UserError:
    """One right counts once: its owner's own yes and a lent one are the same."""
    return UserError(
        f"The right of {person(vote.holder)} was used for this plan already: it counts once.",
        Reason.ALREADY_SAID,
    )


def not_lendable(why: str) -> UserError:
    """A right can't be lent so."""
    return UserError(f"That right can't be lent: {why}", Reason.NOT_LENDABLE)


def no_form(verb: str, release_id: str, digest: str) -> UserError:
    """Slack did not open the form in time."""
    return UserError(
        f"Slack didn't open the form. `/release {verb} {release_id} {digest} YOUR COMMENT` "
        "says the same.",
        Reason.BUTTON_OLD,
    )
