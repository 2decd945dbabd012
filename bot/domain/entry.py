"""`Entry`: what every part of the catalogue has in common. Used by the modules of its models."""

from pydantic import ConfigDict

from bot.domain.value import Value


class Entry(Value):
    """A part of the catalogue that people write: a key that isn't known is an error."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
