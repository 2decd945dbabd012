"""Looks at the record for `release-bot doctor`: guards, signing key, file, newest checkpoint.

Used by `app`. Changes nothing, and makes no file.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from bot.engine.checkpoints import EVERY
from bot.engine.signing import KeyFault, Signer
from bot.ports import Checkup, Finding
from bot.settings import Settings, revealed
from bot.store import audit, checkpoints, checkup
from bot.store.session import Session, Store
from integrations import checkpoint_file

SUBJECT = "Record"

LATE = EVERY + timedelta(minutes=10)
"""How old the newest checkpoint may be while there are newer entries."""

UNSET = "Run `release-bot audit keygen`, set AUDIT_SIGNING_KEY, keep the public key elsewhere."

MAKE_ONE = "Start the bot, or `release-bot audit checkpoint`."


async def examine(store: Store, settings: Settings, now: datetime) -> Checkup:
    """Look at it. Without a signing key there are no checkpoints, and that is said."""
    found = list(_of_settings(settings))
    if checkup.is_there(store):
        async with store.read() as session:
            found += await _of_store(session, now, signs=settings.audit_signing_key is not None)
    return Checkup(findings=tuple(found))


def _of_settings(settings: Settings) -> Iterator[Finding]:
    pem = revealed(settings.audit_signing_key)
    if pem is None:
        yield _good("No checkpoints are signed: AUDIT_SIGNING_KEY is not set.")
        return
    try:
        Signer(pem)
    except KeyFault as fault:
        yield _bad(f"{fault}", UNSET)
    else:
        yield _good("Its signing key can be read.")
    path = settings.audit_checkpoint_file
    wrong = checkpoint_file.problem(path) if path else None
    if wrong:
        yield _bad(f"AUDIT_CHECKPOINT_FILE: {wrong}.", "Let the bot's user write it.")


async def _of_store(session: Session, now: datetime, *, signs: bool) -> list[Finding]:
    missing = await checkup.missing_guards(session)
    if missing is None:
        return []
    found = []
    if missing:
        remedy = "Look who took them away; `release-bot audit verify`; then `release-bot migrate`."
        found.append(_bad(f"Guards of its tables are missing: {', '.join(missing)}.", remedy))
    if signs:
        found.append(_freshness(*await audit.head(session), await checkpoints.newest(session), now))
    return found


def _freshness(seq: int, _link: str, newest: tuple[int, datetime] | None, now: datetime) -> Finding:
    if newest is None:
        if not seq:
            return _good("It is empty, and so has no checkpoint yet.")
        return _bad("It has no checkpoint yet.", MAKE_ONE)
    covered, at = newest
    if covered >= seq or now - at <= LATE:
        return _good(f"Its newest checkpoint covers {covered} of {seq} entries.")
    said = f"Its newest checkpoint is from {at:%Y-%m-%d %H:%M} UTC, {seq - covered} entries ago."
    return _bad(said, MAKE_ONE)


def _good(sentence: str) -> Finding:
    return Finding(good=True, subject=SUBJECT, sentence=sentence)


def _bad(sentence: str, remedy: str) -> Finding:
    return Finding(good=False, subject=SUBJECT, sentence=sentence, remedy=remedy)
