"""The three kinds of error (DESIGN §9.12). Adapters translate into them by meaning.

Whatever is none of these is a bug: `engine.inbox` and `engine.reconciler` log it with an id.
"""


class UserError(Exception):
    """Somebody asked for what can't be done. The sentence is shown to them as it is written.

    `code` is the stable reason code that goes into the log, the record and the message.
    """

    def __init__(self, sentence: str, code: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


class TemporaryError(Exception):
    """A fault outside that waiting may mend: 5xx, a dropped connection, a rate limit.

    `delay` is the number of seconds after which another look makes sense. `unknown` says that
    the request may have had its effect, so the caller has to look before it asks again.
    """

    def __init__(self, message: str, delay: float = 5.0, *, unknown: bool = False) -> None:
        super().__init__(message)
        self.delay = delay
        self.unknown = unknown


class RateLimitedError(TemporaryError):
    """The other side did nothing, and wants nothing more of this kind for `delay` seconds."""


class StoreError(TemporaryError):
    """The bot's own database gave no answer, or not in time."""


class PermanentError(Exception):
    """A fault outside that waiting does not mend: not found, forbidden, refused."""


class ConflictError(PermanentError):
    """The world was not as the write's precondition said. Nothing was changed; look again."""


class MissingError(PermanentError):
    """What was asked for is not there."""


class ForbiddenError(PermanentError):
    """The outside system does not let the bot do that."""


class StaleLeaseError(Exception):
    """Somebody else works on this now. Stop, and touch nothing more (DESIGN §4.2)."""
