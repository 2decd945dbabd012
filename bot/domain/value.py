"""The base of every value: frozen and typed, with one canonical form."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Value(BaseModel):
    """A frozen value. Two with the same fields are equal.

    Unknown keys are passed over: a row that a newer version of the bot wrote must stay readable
    while both run side by side. What people write is stricter: see `catalog.Entry`.
    """

    # An error that reaches the log must not hold what somebody sent.
    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)


def unused(value: Any) -> bool:
    """Tell, as `exclude_if` of a field, that it stays out of the canonical form.

    For fields that a later version of the bot brought to what has a digest: where nobody uses
    them, the digest stays what it was, and an upgrade voids no approval.
    """
    return value is None or value is False


def canonical(data: Any) -> str:
    """Write plain data (dicts, lists, strings, integers, booleans, None) in its one form.

    Keys sorted by code point, no spaces, UTF-8 unescaped. Digests and the record's hash chain
    are over these bytes, so the form must never change.
    """
    return json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def digest(text: str) -> str:
    """SHA-256 of the text's UTF-8 bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()
