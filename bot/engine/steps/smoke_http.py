"""Asks the preview Service what the catalogue's HTTP checks want to know. Used by smoke.

One question a tick, so that each is timed by itself. What came of it is in the release's progress;
where a crash loses that, the same is asked again, which changes nothing: checks only read.
"""

from bot.domain import checks
from bot.domain.checks import Checked
from bot.domain.outcomes import Done, Failed, Outcome, Wait
from bot.domain.reasons import Reason
from bot.domain.smoke import CheckList, HttpCheck, filled_url
from bot.engine.steps.preview import wrong_preview
from bot.engine.steps.work import Work
from bot.errors import PermanentError, TemporaryError
from bot.views import lines


async def run_checks(work: Work, wanted: CheckList) -> Outcome:
    """Ask whatever is due, and come to an end when there is nothing more to ask."""
    seen = work.progress.checked or (Checked(),) * len(wanted.checks)
    overdue = work.overdue()
    if overdue:
        return Failed(overdue.reason, overdue.sentence, _counts(seen))
    if not work.progress.checked and (wrong := await wrong_preview(work)):
        return wrong
    turn = checks.next_turn(seen, wanted)
    if turn is not None:
        if turn.due is not None and turn.due > work.now:
            return Wait(turn.due, _note(seen, again=seen[turn.number].said))
        answered = await _ask(work, wanted, wanted.checks[turn.number], seen[turn.number])
        seen = (*seen[: turn.number], answered, *seen[turn.number + 1 :])
        if checks.next_turn(seen, wanted) is not None:
            return Wait(work.now, _note(seen), {"checked": seen})
    if checks.passed(seen) < len(seen):
        return Failed(Reason.SMOKE_FAILED, checks.verdict(seen), _counts(seen))
    return Done(lines.checks_passed(len(seen)), _counts(seen))


def _counts(seen: tuple[Checked, ...]) -> dict[str, object]:
    """Each check that had its turn is one test."""
    run = sum(one.tries > 0 for one in seen)
    return {"checked": seen, "tests_run": run, "tests_passed": checks.passed(seen)}


def _note(seen: tuple[Checked, ...], again: str = "") -> str:
    count = f"{checks.passed(seen)} of {len(seen)} checks passed"
    return f"{count}; {again}, and is tried again" if again else count


async def _ask(work: Work, wanted: CheckList, check: HttpCheck, before: Checked) -> Checked:
    target = work.plan.target
    url = filled_url(
        check.url,
        service=target.service,
        namespace=target.namespace,
        slot=work.step.slot,
        version=work.plan.version,
    )
    refused = False
    try:
        answer = await work.world.checks.ask(check.method, url, wanted.hosts)
        wrong = checks.wrong(check, answer)
    except TemporaryError as error:
        wrong = str(error)
    except PermanentError as error:
        wrong, refused = str(error), True
    return Checked(
        tries=before.tries + 1,
        at=work.now,
        passed=wrong is None,
        refused=refused,
        said=f"{checks.title(check, url)} {wrong}" if wrong else "",
    )
