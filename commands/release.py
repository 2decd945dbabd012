"""`/release SERVICE VERSION ENVIRONMENT …`: ask for a release, or with --dry-run for its plan."""

from typing import get_args

from bot.domain.policies import StrategyKind
from bot.domain.reasons import Reason
from bot.domain.requests import PlanRequest, ReleaseRequest
from bot.domain.strategies import steps_for
from bot.engine.inbox import Answer
from bot.errors import UserError
from bot.views.emergency_refusals import check_emergency
from commands._context import Context
from commands._grammar import Words, closest, place, version
from commands._plan import show_plan

VERB = "release"
USAGE = (
    'SERVICE VERSION ENVIRONMENT [--strategy blue-green|canary] [--reason "…"] [--dry-run] '
    "[--emergency]"
)
HELP = "asks for a release; its card shows the plan, the gates and the buttons"


def parse(words: Words, ctx: Context) -> ReleaseRequest | PlanRequest:
    """Read the request. Raises UserError; no environment is ever a default."""
    options = words.take("strategy", "reason", "dry-run", "emergency")
    for name in ("dry-run", "emergency"):
        if options.get(name):
            raise UserError(f"--{name} takes no value.", Reason.NOT_UNDERSTOOD)
    request = read_request(words, ctx, options.get("strategy"), options.get("reason"))
    if "emergency" in options:
        why = " ".join((request.reason or "").split())
        request = request.model_copy(update={"emergency": True, "reason": why or None})
    return PlanRequest(release=request) if "dry-run" in options else request


def read_request(
    words: Words, ctx: Context, strategy: str | None = None, reason: str | None = None
) -> ReleaseRequest:
    """Read service, version and environment; the catalogue must know them."""
    first, second, third = words.need(3, 3, USAGE)
    name, env = place(ctx.catalog, first, third)
    return ReleaseRequest(
        service=name,
        version=version(second),
        environment=env,
        strategy=_strategy(strategy),
        reason=reason,
    )


def _strategy(word: str | None) -> StrategyKind | None:
    if word is None:
        return None
    kinds: tuple[StrategyKind, ...] = get_args(StrategyKind)
    for kind in kinds:
        if kind == word:
            return kind
    guess = closest(kinds, word)
    mean = f" Did you mean {guess}?" if guess else f" There are {', '.join(kinds)}."
    raise UserError(f'There is no strategy "{word}".{mean}', Reason.UNKNOWN_NAME)


async def handle(request: ReleaseRequest | PlanRequest, ctx: Context) -> Answer:
    """Ask for it, or show its plan."""
    if isinstance(request, PlanRequest):
        if request.release.emergency:
            check_emergency(request.release, ctx.queries.rules(request.release))
        return await show_plan(request.release, ctx)
    if request.strategy is not None:
        refuse_strategy(request.strategy, request, ctx)
    return await ctx.decisions.request(request)


def refuse_strategy(kind: StrategyKind, request: ReleaseRequest, ctx: Context) -> None:
    """Refuse a strategy that can't be taken here before anything is stored."""
    steps_for(kind, ctx.queries.rules(request), "blue")
