"""One event as each kind of sink has it: CloudEvents 1.0 over HTTP, over Kafka, and as a line.

Used by the sinks beside this. docs/events/README.md says what each header means. Sends nothing.
"""

import hashlib
import hmac

from cloudevents.core.bindings import http, kafka
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from bot.domain.events import PlatformEvent
from bot.domain.sinks import Mode

SIGNATURE = "X-Release-Bot-Signature-256"
"""`sha256=` and the HMAC-SHA256 of the body, in hexadecimal digits."""

IDEMPOTENCY = "Idempotency-Key"
"""The event's id: a repeat carries the same."""


EVENT_ID = "ce_id"
"""The same in Kafka, where it stands in structured mode too."""


def message(event: PlatformEvent, mode: Mode, key: str) -> tuple[dict[str, str], bytes]:
    """Write an event as an HTTP message: headers and a body, signed with that key."""
    envelope = _envelope(event)
    binary = mode == "binary"
    written = http.to_binary_event(envelope) if binary else http.to_structured_event(envelope)
    headers = {
        **written.headers,
        SIGNATURE: signature(written.body, key),
        IDEMPOTENCY: event.id,
        "User-Agent": "release-bot",
    }
    return headers, written.body


def record(event: PlatformEvent, mode: Mode) -> tuple[list[tuple[str, bytes]], bytes]:
    """Write an event as a Kafka record: headers and a value."""
    envelope = _envelope(event)
    binary = mode == "binary"
    written = kafka.to_binary_event(envelope) if binary else kafka.to_structured_event(envelope)
    return list({**written.headers, EVENT_ID: event.id.encode()}.items()), written.value


def line(event: PlatformEvent) -> str:
    """Write an event as one line of JSON, with its end."""
    return JSONFormat().write(_envelope(event)).decode() + "\n"


def _envelope(event: PlatformEvent) -> CloudEvent:
    attributes = {
        "id": event.id,
        "source": event.source,
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": event.datacontenttype,
        "dataschema": event.dataschema,
    }
    return CloudEvent(attributes, dict(event.data))


def signature(body: bytes, key: str) -> str:
    """Sign the body, as the receiver must find it in the header."""
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
