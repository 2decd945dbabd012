"""One event as an HTTP message: CloudEvents 1.0, structured or binary, signed over its body.

Used by `sinks`. docs/events/README.md says what each header means. Sends nothing.
"""

import hashlib
import hmac
from typing import Literal

from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

from bot.domain.events import PlatformEvent

SIGNATURE = "X-Release-Bot-Signature-256"
"""`sha256=` and the HMAC-SHA256 of the body, in hexadecimal digits."""

IDEMPOTENCY = "Idempotency-Key"
"""The event's id: a repeat carries the same."""


def message(
    event: PlatformEvent, mode: Literal["structured", "binary"], key: str
) -> tuple[dict[str, str], bytes]:
    """Write an event as headers and a body."""
    written = _written(event, mode)
    headers = {
        **written.headers,
        SIGNATURE: signature(written.body, key),
        IDEMPOTENCY: event.id,
        "User-Agent": "release-bot",
    }
    return headers, written.body


def _written(event: PlatformEvent, mode: Literal["structured", "binary"]) -> HTTPMessage:
    attributes = {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": "application/json",
        "dataschema": event.dataschema,
    }
    envelope = CloudEvent(attributes, dict(event.data))
    return to_binary_event(envelope) if mode == "binary" else to_structured_event(envelope)


def signature(body: bytes, key: str) -> str:
    """Sign the body, as the receiver must find it in the header."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
