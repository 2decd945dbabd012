"""`/release rollback SERVICE ENVIRONMENT [to VERSION]` or `rollback RELEASE`: get back, now."""

from collections.abc import Sequence

from bot.domain.reasons import Reason
from bot.domain.requests import DecisionRequest, RollbackRequest
from bot.engine.inbox import Answer
from bot.errors import UserError
from commands._context import Context, this_release
from commands._grammar import Words, is_release_id, place, release_id, version

VERB = "rollback"
USAGE = "rollback SERVICE ENVIRONMENT [to VERSION] | RELEASE"
HELP = "goes back to the version before; it waits for nothing but the cluster"


def parse(words: Words, ctx: Context) -> DecisionRequest | RollbackRequest:
    """Read a place or a release."""
    words.take()
    plain = words.need(0, 4, USAGE)
    if len(plain) > 1 and not is_release_id(plain[0]):
        name, env = place(ctx.catalog, plain[0], plain[1])
        return RollbackRequest(service=name, environment=env, version=_goal(plain[2:]))
    named = this_release(words.need(0, 1, USAGE), ctx.here, USAGE)
    return DecisionRequest(kind="rollback", release_id=release_id(named))


def _goal(words: Sequence[str]) -> str | None:
    """Read `to VERSION`; nothing: what ran before."""
    if not words:
        return None
    if len(words) != 2 or words[0] != "to":  # noqa: PLR2004 - the word and the version
        raise UserError(f"Say `/release {USAGE}`.", Reason.NOT_UNDERSTOOD)
    return version(words[1])


async def handle(request: DecisionRequest | RollbackRequest, ctx: Context) -> Answer:
    """Undo what is under way, or switch back to what ran before."""
    if isinstance(request, RollbackRequest):
        return await ctx.stops.roll_back_service(
            request.service, request.environment, request.version
        )
    return await ctx.stops.roll_back(request.release_id)
