"""What GitHub shows beside a run that waits for the bot: yes, no and why, or what it waits for.

Pure, and plain text: a repository's readers are none of Slack's, so nobody is called by a Slack id.
"""

import re

from bot.domain.gates.result import GateResult
from bot.domain.lifecycle import State
from bot.domain.protection import Case, Meant, Verdict
from bot.domain.reasons import Reason
from bot.domain.releases import Release
from bot.views.refusals import state_words

MOST_GATES = 5
"""Gates that one comment tells of."""

_OF_THE_RUN = (Reason.COMMIT_DIFFERS, Reason.SLOT_DIFFERS)
"""What is wrong with the run, and not with its release."""

_MENTION = re.compile(r"<@[A-Z0-9]+(?:\|[^>]*)?>")


def comment(case: Case, verdict: Verdict, release: Release | None) -> str:
    """Write the comment of an answer, or of a wait; the last word is the reason's code."""
    match verdict.kind:
        case "approve":
            said = _approved(case, release)
        case "reject":
            said = _rejected(case, verdict, release)
        case _:
            said = _waits(verdict, release)
    code = f" ({verdict.reason.value})" if verdict.reason else ""
    return f"{_MENTION.sub('somebody', said)}{code}"


def _approved(case: Case, release: Release | None) -> str:
    what = f"{_headline(release)}: " if release else ""
    if case.meant is None:
        return f"{what}this run is the release's own. Its gates passed, its approvals are given."
    return f"{what}its gates passed, its approvals are given. The run goes on as its first step."


def _headline(release: Release) -> str:
    return f"{release.id}, {release.service} {release.version} to {release.environment}"


def _rejected(case: Case, verdict: Verdict, release: Release | None) -> str:
    if verdict.gates:
        what = _headline(release) if release else "This"
        return f"{what}, is refused: {_gates(verdict.gates)}"
    if release is not None and verdict.reason is Reason.RUN_ENDED:
        words = f"{release.service} {release.version} {release.environment}"
        over = f"Run {case.ask.run} of {release.id} is over; started anew it is not the release's."
        return f"{over} In Slack: /release {words}"
    if release is not None and verdict.reason not in _OF_THE_RUN:
        return f"{_headline(release)}, {state_words(release)}. Nothing was deployed by this run."
    return f"{_no(verdict, case)}{_instead(case.meant, verdict)}"


def _gates(gates: tuple[GateResult, ...]) -> str:
    told = [f"{gate.gate}: {gate.sentence} {gate.next_step or ''}".strip() for gate in gates]
    more = [f"{len(told) - MOST_GATES} more gates say no."] if len(told) > MOST_GATES else []
    return " ".join([*told[:MOST_GATES], *more])


def _no(verdict: Verdict, case: Case) -> str:
    names = verdict.names
    match verdict.reason:
        case Reason.UNKNOWN_NAME if names[0] == "environment":
            return (
                f'The catalogue has no environment "{names[1]}". Add it, or take the bot\'s rule '
                "off it at GitHub."
            )
        case Reason.UNKNOWN_NAME:
            return (
                f"The catalogue has no service of {names[1]} that runs in {names[2]}. Add it, or "
                "take the bot's rule off that environment at GitHub."
            )
        case Reason.DEPLOYMENT_UNCLEAR:
            of = f" It may be of {', '.join(names[1:6])}." if names[1:] else ""
            return f"It can't be told which service and version this brings to {names[0]}.{of}"
        case Reason.NOT_BY_WORKFLOW:
            return f"No workflow deploys {names[0]}: the bot sets its image."
        case Reason.COMMIT_DIFFERS | Reason.SLOT_DIFFERS:
            return of_the_run(verdict)
        case Reason.REQUESTER_UNKNOWN:
            return (
                f"The catalogue's people have no GitHub login \"{names[0]}\", so nobody's right "
                "can be checked."
            )
        case Reason.NO_RIGHT:
            return f"{names[0]} may not release {names[1]} to {names[3]}."
        case Reason.NOT_SET_UP:
            return f"The catalogue names no channel in which {names[0]} could be approved."
    return f"{case.ask.environment} is another environment than its release's."


def of_the_run(verdict: Verdict) -> str:
    """Say why a run is not what its release would do."""
    names = verdict.names
    match verdict.reason:
        case Reason.COMMIT_DIFFERS:
            return f"{names[0]} is commit {names[2]} now, and this run is at {names[1]}."
        case Reason.SLOT_DIFFERS:
            return (
                f"It has to go to {names[1]}, the idle slot, and the run's title names {names[0]}."
            )
    return f"It can't be told what this run brings to {names[0]}."


def _instead(meant: Meant | None, verdict: Verdict) -> str:
    """Say what to type; where the release can't be told, its form."""
    if verdict.reason is Reason.UNKNOWN_NAME:
        return ""
    names = verdict.names
    match verdict.reason:
        case Reason.DEPLOYMENT_UNCLEAR:
            words = f"SERVICE VERSION {names[0]}"
        case Reason.NOT_BY_WORKFLOW:
            words = " ".join(names)
        case _ if meant is not None:
            words = f"{meant.service} {meant.version} {meant.environment}"
        case _:
            words = "SERVICE VERSION ENVIRONMENT"
    return f" In Slack: /release {words}"


def _waits(verdict: Verdict, release: Release | None) -> str:
    if release is None:
        return "The bot is looking which release this is."
    what = _headline(release)
    waiting = [gate for gate in verdict.gates if gate.status == "waiting"]
    unknown = [gate for gate in verdict.gates if gate.could_not_tell]
    if release.state is State.AWAITING_APPROVAL:
        opens = f" Then: {_gates(tuple(waiting))}" if waiting else ""
        return f"{what}, waits for approval in Slack.{opens}"
    if release.state is State.BLOCKED and (waiting or unknown):
        return f"{what}, waits. {_gates(tuple(waiting or unknown))}"
    return f"{what}, {state_words(release)}."


def taken_up(case: Case, url: str, login: str) -> str:
    """Say in the release's thread where it comes from."""
    run = f"<{url}|run {case.ask.run}>"
    return f"◷ GitHub's {run}, started by {login}, waits for this release at its gate."


def answered(case: Case, verdict: Verdict) -> str:
    """Say in the release's thread what GitHub was told."""
    if verdict.kind == "approve":
        return f"✓ GitHub was told yes: run {case.ask.run} goes on."
    code = f" ({verdict.reason.value})" if verdict.reason else ""
    return f"✗ GitHub was told no{code}: run {case.ask.run} does not go on."


def run_ended(case: Case) -> str:
    """Say in the release's thread that nobody waits for it any more."""
    return f"✗ GitHub's run {case.ask.run} has ended, so nothing waits for this any more."
