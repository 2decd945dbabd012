"""`/env …`: environments that come and go. In a thread the same words: `env extend NAME 3d`."""

import re
from datetime import timedelta

from bot.domain.reasons import Reason
from bot.domain.requests import EnvironmentRequest
from bot.domain.stale import tally
from bot.engine.inbox import Answer
from bot.errors import UserError
from bot.ports import Message
from bot.views import answers, environment_refusals, reports
from commands._context import Context
from commands._grammar import Words, closest

VERB = "env"
USAGE = "env list [PAGE] | report | extend NAME 3d | keep NAME"
HELP = "lists environments that come and go, and lets one live longer"

VERBS = ("list", "report", "extend", "keep")
NOT_BUILT = ("create", "destroy", "diff")
"""Verbs that are planned and refused in words until they are built."""

USES = (
    ("/env list [PAGE]", "shows all environments, the stale ones first"),
    ("/env list services [PAGE]", "shows the services that fall behind"),
    ("/env report", "shows what is stale, as the morning's report does"),
    ("/env extend NAME 3d", "lets one live longer: `3d`, `12h`, `1w`"),
    ("/env keep NAME", "says that one is not stale"),
)

_UNITS = {
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), timedelta(minutes=1)),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), timedelta(hours=1)),
    **dict.fromkeys(("d", "day", "days"), timedelta(days=1)),
    **dict.fromkeys(("w", "week", "weeks"), timedelta(weeks=1)),
}
_PART = re.compile(r"([0-9]{1,6})\s*([a-z]+)[\s,]*", re.IGNORECASE)
_LEAST = timedelta(hours=1)
_FURTHEST = timedelta(days=3650)


def parse(words: Words, _ctx: Context) -> EnvironmentRequest:
    """Read the verb and its words."""
    words.take()
    if not words.plain:
        return EnvironmentRequest(kind="help")
    verb, rest = words.plain[0].lower(), words.plain[1:]
    if verb in NOT_BUILT:
        raise UserError(f"`/env {verb}` isn't built yet. `/env help` lists what is.",
                        Reason.NOT_BUILT)  # fmt: skip
    match verb:
        case "help" | "report":
            _end(rest, verb)
            return EnvironmentRequest.model_validate({"kind": verb})
        case "list":
            return _list(rest)
        case "extend" | "keep":
            return _wish(verb, rest)
        case _:
            guess = closest((*VERBS, *NOT_BUILT, "help"), verb)
            mean = f"Did you mean {guess}?" if guess else "`/env help` lists them."
            raise UserError(f'There is no verb "{words.plain[0]}" here. {mean}',
                            Reason.NOT_UNDERSTOOD)  # fmt: skip


def _list(rest: tuple[str, ...]) -> EnvironmentRequest:
    services = bool(rest) and rest[0].lower() == "services"
    pages = rest[1:] if services else rest
    _end(pages[1:], "list [PAGE]")
    page = pages[0].lower().removeprefix("page") if pages else "1"
    if not re.fullmatch(r"[1-9]\d{0,5}", page):
        raise UserError(f'"{pages[0]}" is not a page. Say `/env list 2`.', Reason.NOT_UNDERSTOOD)
    return EnvironmentRequest(kind="services" if services else "list", page=int(page))


def _wish(verb: str, rest: tuple[str, ...]) -> EnvironmentRequest:
    use = "extend NAME 3d" if verb == "extend" else "keep NAME"
    if not rest:
        raise UserError(f"Which environment? Say `/env {use}`; `/env list` lists them.",
                        Reason.NOT_UNDERSTOOD)  # fmt: skip
    cluster, slash, environment = rest[0].strip("*_`").rpartition("/")
    name = cluster + slash + environment.lower()
    if verb == "keep":
        _end(rest[1:], use)
        return EnvironmentRequest(kind="keep", name=name)
    return EnvironmentRequest(kind="extend", name=name, duration=_duration(" ".join(rest[1:])))


def _duration(text: str) -> timedelta | None:
    """Read `3d`, `3 days`, `1w 12h`; nothing at all means: as long as the button gives."""
    if not text:
        return None
    said = text.removeprefix("for ").removeprefix("by ")
    parts = [(int(number), unit.lower()) for number, unit in _PART.findall(said)]
    if _PART.sub("", said) or any(unit not in _UNITS for _, unit in parts):
        raise UserError(f'"{text}" is not a time such as 3d or 12h.', Reason.NOT_UNDERSTOOD)
    found = min(_FURTHEST, sum((number * _UNITS[unit] for number, unit in parts), timedelta()))
    if found < _LEAST:
        raise UserError(f'"{text}" is too short: an hour is the least.', Reason.NOT_UNDERSTOOD)
    return found


def _end(rest: tuple[str, ...], use: str) -> None:
    if rest:
        raise UserError(f"That has too many words. Say `/env {use}`.", Reason.NOT_UNDERSTOOD)


async def handle(request: EnvironmentRequest, ctx: Context) -> Answer:
    """Look, or do what was wished."""
    match request.kind:
        case "help":
            return answers.help_all(USES)
        case "extend":
            return await ctx.environments.extend(request.name, request.duration)
        case "keep":
            return await ctx.environments.keep(request.name)
        case "report":
            return await _report(ctx)
        case "services":
            survey = await ctx.surveyor.whole()
            return reports.services(survey.late, request.page, ctx.now)
        case "list":
            if ctx.catalog.ephemeral is None:
                raise environment_refusals.not_set_up()
            survey = await ctx.surveyor.environments()
            return reports.environments(survey.judged, request.page, ctx.now, survey.silent)


async def _report(ctx: Context) -> Message:
    survey = await ctx.surveyor.whole()
    drawn = reports.Report(
        tally=tally(survey.judged, survey.silent),
        now=ctx.now,
        rules=ctx.catalog.ephemeral,
        late=survey.late,
    )
    return reports.report(drawn) or reports.nothing(drawn)
