"""`/release rollback SERVICE ENVIRONMENT` or `rollback RELEASE`: get back, now."""

from bot.domain.requests import DecisionRequest, RollbackRequest
from bot.engine.inbox import Answer
from commands._context import Context, this_release
from commands._grammar import Words, is_release_id, place, release_id

VERB = "rollback"
USAGE = "rollback SERVICE ENVIRONMENT | RELEASE"
HELP = "goes back to the version before; it waits for nothing but the cluster"


def parse(words: Words, ctx: Context) -> DecisionRequest | RollbackRequest:
    """Read a place or a release."""
    words.take()
    plain = words.need(0, 2, USAGE)
    if len(plain) == 2 and not is_release_id(plain[0]):  # noqa: PLR2004 - service and environment
        name, env = place(ctx.catalog, plain[0], plain[1])
        return RollbackRequest(service=name, environment=env)
    named = this_release(words.need(0, 1, USAGE), ctx.here, USAGE)
    return DecisionRequest(kind="rollback", release_id=release_id(named))


async def handle(request: DecisionRequest | RollbackRequest, ctx: Context) -> Answer:
    """Undo what is under way, or switch back to what ran before."""
    if isinstance(request, RollbackRequest):
        return await ctx.stops.roll_back_service(request.service, request.environment)
    return await ctx.stops.roll_back(request.release_id)
