"""`/release help [VERB]`: what one can say."""

from bot.domain.reasons import Reason
from bot.domain.requests import HelpRequest
from bot.engine.inbox import Answer
from bot.errors import UserError
from bot.views import answers
from commands._context import Context
from commands._grammar import Words, closest

VERB = "help"
USAGE = "help [VERB]"
HELP = "explains the verbs"


def parse(words: Words, _ctx: Context) -> HelpRequest:
    """Read the verb, if one is named."""
    words.take()
    plain = words.need(0, 1, USAGE)
    return HelpRequest(verb=plain[0].lower() if plain else None)


async def handle(request: HelpRequest, ctx: Context) -> Answer:
    """Explain one verb or all."""
    rows = [(f"/release {usage}", what) for usage, what in ctx.verbs.items()]
    if request.verb is None:
        return answers.help_all(rows)
    verbs = {
        usage.split()[0].lower(): (f"/release {usage}", what) for usage, what in ctx.verbs.items()
    }
    verbs["release"] = rows[0]
    if request.verb not in verbs:
        guess = closest(verbs, request.verb)
        mean = f" Did you mean {guess}?" if guess else " `/release help` lists them all."
        raise UserError(f'There is no verb "{request.verb}".{mean}', Reason.NOT_UNDERSTOOD)
    return answers.help_all([verbs[request.verb]])
