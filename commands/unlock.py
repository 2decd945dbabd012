"""`/release unlock LOCK` or `unlock SCOPE ENVIRONMENT`: lift a lock, and no other one."""

import re

from bot.domain.requests import UnlockRequest
from bot.engine.inbox import Answer
from commands import _stops
from commands._context import Context
from commands._grammar import Words, environment

VERB = "unlock"
USAGE = "unlock LOCK | SERVICE|TIER|all ENVIRONMENT"
HELP = "lifts your lock there, or the one that you name"

_LOCK = re.compile(r"lock-[0-9a-z]{4,8}")


def parse(words: Words, ctx: Context) -> UnlockRequest:
    """Read a lock's id, or what it is on."""
    words.take()
    plain = words.need(1, 2, USAGE)
    if len(plain) == 1:
        named = plain[0].strip("*_`").lower()
        if _LOCK.fullmatch(named):
            return UnlockRequest(lock_id=named)
        words.need(2, 2, USAGE)
    env = environment(ctx.catalog, plain[1])
    reach, name = _stops.scope(ctx, plain[0], env)
    return UnlockRequest(reach=reach, name=name, environment=env)


async def handle(request: UnlockRequest, ctx: Context) -> Answer:
    """Lift it."""
    return await ctx.locking.unlock(request)
