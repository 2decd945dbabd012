"""`/release lock SCOPE ENVIRONMENT "reason"`: keep releases of it from starting there, or warn."""

from bot.domain.requests import LockRequest
from bot.engine.inbox import Answer
from commands import _stops
from commands._context import Context
from commands._grammar import Words, environment, release_id

VERB = "lock"
USAGE = 'lock SERVICE|TIER|all ENVIRONMENT "reason" [--until 18:00] [--warn] [--for RELEASE]'
HELP = "keeps releases from starting there until somebody lifts it; rollbacks pass"


def parse(words: Words, ctx: Context) -> LockRequest:
    """Read on what, where and why."""
    options = words.take("until", "warn", "for")
    plain = words.need(2, 100, USAGE)
    env = environment(ctx.catalog, plain[1])
    reach, name = _stops.scope(ctx, plain[0], env)
    owner = options.get("for")
    return LockRequest(
        reach=reach,
        name=name,
        environment=env,
        reason=_stops.reason(plain[2:], USAGE),
        until=_stops.moment(words, "until", ctx),
        hard="warn" not in options,
        release=release_id(owner) if owner else None,
    )


async def handle(request: LockRequest, ctx: Context) -> Answer:
    """Set it."""
    return await ctx.locking.lock(request)
