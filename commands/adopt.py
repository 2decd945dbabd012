"""`/release adopt SERVICE VERSION ENVIRONMENT`: record on one's word what runs there."""

from bot.domain.requests import AdoptRequest
from bot.engine.inbox import Answer
from commands._context import Context
from commands._grammar import Words, place, version

VERB = "adopt"
USAGE = "adopt SERVICE VERSION ENVIRONMENT"
HELP = "records which version runs there, on your word, where nothing else tells"


def parse(words: Words, ctx: Context) -> AdoptRequest:
    """Read service, version and environment."""
    words.take()
    first, second, third = words.need(3, 3, USAGE)
    name, env = place(ctx.catalog, first, third)
    return AdoptRequest(service=name, version=version(second), environment=env)


async def handle(request: AdoptRequest, ctx: Context) -> Answer:
    """Record it with the person's name."""
    return await ctx.decisions.adopt(request.service, request.version, request.environment)
