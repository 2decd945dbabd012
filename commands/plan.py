"""`/release plan SERVICE VERSION ENVIRONMENT`: what it would do, and every gate; stores nothing."""

from bot.domain.requests import PlanRequest, ReleaseRequest
from bot.engine.inbox import Answer
from commands._context import Context
from commands._grammar import Words, place, version
from commands._plan import show_plan

VERB = "plan"
USAGE = "plan SERVICE VERSION ENVIRONMENT"
HELP = "shows what a release would do and every gate, and stores nothing"


def parse(words: Words, ctx: Context) -> PlanRequest:
    """Read service, version and environment."""
    words.take()
    first, second, third = words.need(3, 3, USAGE)
    name, env = place(ctx.catalog, first, third)
    request = ReleaseRequest(service=name, version=version(second), environment=env)
    return PlanRequest(release=request)


async def handle(request: PlanRequest, ctx: Context) -> Answer:
    """Show it to the one who asks."""
    return await show_plan(request.release, ctx)
