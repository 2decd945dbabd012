"""Buttons: from an action id and its value to the same requests that words make."""

from typing import get_args

from bot.domain.applying import shows_logs
from bot.domain.checklists import numbers
from bot.domain.reasons import Reason
from bot.domain.requests import (
    ChecklistRequest,
    DecisionRequest,
    DetailsRequest,
    EnvironmentRequest,
    HaltRequest,
)
from bot.engine.inbox import Answer
from bot.errors import UserError
from bot.views import answers, approval_refusals
from commands._context import Context
from commands._grammar import is_release_id

_KINDS = get_args(DecisionRequest.model_fields["kind"].annotation)
Clicked = ChecklistRequest | DecisionRequest | DetailsRequest | EnvironmentRequest | HaltRequest


def parse_click(action: str, value: str, comment: str | None = None) -> Clicked:
    """Read a click. The value is the release's id, for approve and reject with the digest.

    `comment`: what was written in a form.
    For a button about an environment it is the environment's name; `all` means each one.
    """
    if action.startswith("env:"):
        return _environment(action.removeprefix("env:"), value)
    kind = action.removeprefix("release:")
    if kind == "unhalt":
        return HaltRequest(environment=None if value == "all" else value, off=True)
    release_id, _, digest = value.partition(":")
    if not is_release_id(release_id):
        raise UserError("That button names no release.", Reason.NOT_UNDERSTOOD)
    if kind == "checklist":
        return _checklist(release_id, digest)
    if kind == "details" and digest:
        # A form was asked for, and Slack did not open it.
        named, _, verb = digest.partition(":")
        raise approval_refusals.no_form(verb, release_id, named)
    if kind == "details":
        return DetailsRequest(release_id=release_id)
    if kind not in _KINDS:
        raise UserError("That button does nothing here.", Reason.NOT_UNDERSTOOD)
    if kind in ("approve", "reject") and not digest:
        raise UserError("That button names no plan. Use the card.", Reason.DIGEST_OLD)
    return DecisionRequest.model_validate(
        {"kind": kind, "release_id": release_id, "digest": digest or None, "comment": comment}
    )


def _checklist(release_id: str, rest: str) -> ChecklistRequest:
    """Read `DIGEST:SHOWN:CHOSEN`, as the card's block and the receiver make it."""
    digest, shown, chosen = [*rest.split(":"), "", ""][:3]
    if not digest:
        raise UserError("That box names no plan. Use the card.", Reason.DIGEST_OLD)
    return ChecklistRequest(
        release_id=release_id, digest=digest, shown=numbers(shown), chosen=numbers(chosen)
    )


def _environment(kind: str, name: str) -> EnvironmentRequest:
    if kind == "destroy":
        raise UserError("Destroy isn't built yet.", Reason.NOT_BUILT)
    if kind not in ("extend", "keep") or not name:
        raise UserError("That button does nothing here.", Reason.NOT_UNDERSTOOD)
    return EnvironmentRequest.model_validate({"kind": kind, "name": name})


async def handle_click(request: Clicked, ctx: Context) -> Answer:
    """Do what the button says."""
    if isinstance(request, EnvironmentRequest):
        wish = ctx.environments
        extends = request.kind == "extend"
        return await (wish.extend(request.name, None) if extends else wish.keep(request.name))
    if isinstance(request, HaltRequest):
        return await ctx.halting.let_go(request.environment)
    if isinstance(request, DetailsRequest):
        seen = await ctx.queries.details(request.release_id)
        logs = shows_logs(ctx.catalog, seen[0].service, seen[0].environment)
        shown = answers.details(*seen, ctx.now, logs=logs)
        return ctx.decisions.saw_plan(shown, request.release_id, digest=seen[0].digest)
    if isinstance(request, ChecklistRequest):
        return await ctx.decisions.tick(
            request.release_id, request.digest, request.shown, request.chosen
        )
    if request.kind == "approve":
        return await ctx.decisions.approve(request.release_id, request.digest, request.comment)
    if request.kind == "reject":
        return await ctx.decisions.reject(request.release_id, request.digest, request.comment)
    stops = {
        "cancel": ctx.stops.cancel,
        "retry": ctx.stops.retry,
        "pause": ctx.stops.pause,
        "resume": ctx.stops.resume,
        "promote": ctx.stops.promote,
        "rollback": ctx.stops.roll_back,
        "mended": ctx.stops.mended,
        "repaired": ctx.stops.repaired,
        "wait": ctx.stops.wait,
        "reviewed": ctx.reviewing.by_button,
    }
    return await stops[request.kind](request.release_id)
