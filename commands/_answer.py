"""What approve and reject read alike: which release, which plan, and a comment."""

import re

from bot.domain.reasons import Reason
from bot.errors import UserError
from commands._context import Context, this_release
from commands._grammar import Words, is_release_id, release_id

_DIGEST = re.compile(r"[0-9a-fA-F]{8,64}")


def read_answer(words: Words, ctx: Context, usage: str) -> tuple[str, str | None, str | None]:
    """Read them. In a release's own thread its id may be left away."""
    plain = words.plain
    if ctx.here is not None and plain and not is_release_id(plain[0]):
        plain = (ctx.here, *plain)
    named = release_id(this_release(plain, ctx.here, usage))
    rest = plain[1:]
    digest = rest[0].lower() if rest else None
    if digest is not None and not _DIGEST.fullmatch(digest):
        raise UserError(
            f'"{rest[0]}" is no plan such as 3f9c27ab; the card names it. Say `/release {usage}`.',
            Reason.NOT_UNDERSTOOD,
        )
    written = " ".join(rest[1:]) or None
    option = words.take("comment").get("comment")
    if written and option:
        raise UserError("That has two comments. Say one.", Reason.NOT_UNDERSTOOD)
    return named, digest, written or option
