"""`KafkaSinks`: writes events to Kafka topics, as CloudEvents' Kafka binding says.

All events of a service have one key, so they lie in one partition and stay in order. A producer
whose outcome is unknown is given up with all that it holds: it would go on trying by itself, and
the engine's next try would come beside it.
"""

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from bot.domain.events import PlatformEvent
from bot.domain.sinks import KafkaSink
from bot.errors import PermanentError, TemporaryError
from bot.ports import Finding
from integrations.events.envelope import record

if TYPE_CHECKING:
    from aiokafka import AIOKafkaProducer

CLIENT = "release-bot"

Secret = Callable[[str], str | None]


class KafkaSinks:
    """Every sink of the kind kafka, with a producer each. `secret` gives what a variable holds."""

    def __init__(self, secret: Secret, *, seconds: float = 10.0) -> None:
        self._secret = secret
        self._seconds = seconds
        self._lines: dict[KafkaSink, _Line] = {}

    async def close(self) -> None:
        """Close every producer. What one still holds was not told as delivered."""
        lines, self._lines = self._lines, {}
        await asyncio.gather(*(line.close() for line in lines.values()))

    async def send(self, sink: KafkaSink, event: PlatformEvent, key: str) -> None:
        """Write one event; all replicas in sync have it when this returns."""
        missing = [name for name in sink.variables if not self._secret(name)]
        if missing:
            raise TemporaryError(f"{missing[0]} is not set, so no broker can be asked")
        if sink not in self._lines:
            make = partial(_producer, sink, self._secret, self._seconds)
            self._lines[sink] = _Line(make)
        headers, value = record(event, sink.mode)
        await self._write(self._lines[sink], sink, (key.encode(), value, headers))

    async def _write(self, line: "_Line", sink: KafkaSink, what: "_Record") -> None:
        from aiokafka import errors  # noqa: PLC0415 - see _producer

        try:
            async with asyncio.timeout(self._seconds):
                await line.write(sink.topic, what)
        except TimeoutError as error:
            raise TemporaryError(f"no answer for {self._seconds:g} s", unknown=True) from error
        except errors.KafkaError as error:
            raise _translated(error, sink.topic) from error

    def check(self, name: str, sink: KafkaSink) -> Finding:
        """Say whether all is set that its brokers are asked with. Nothing is sent."""
        subject = f"Sink {name}"
        missing = [variable for variable in sink.variables if not self._secret(variable)]
        if missing:
            return Finding(
                good=False,
                subject=subject,
                sentence=f"{missing[0]} is not set, so no event is sent to it.",
                remedy=f"Set {missing[0]} or {missing[0]}_FILE.",
            )
        who = f"as the user in {sink.username}" if sink.username else "without a user"
        how = "TLS" if sink.tls else "no TLS"
        return Finding(
            good=True, subject=subject, sentence=f"Writes to {sink.topic} with {how}, {who}."
        )


_Record = tuple[bytes, bytes, list[tuple[str, bytes]]]


class _Line:
    """One sink's producer: started when the first event goes out, made anew after a fault."""

    def __init__(self, make: "Callable[[], AIOKafkaProducer]") -> None:
        self._make = make
        self._starting = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._ending: set[asyncio.Task[None]] = set()

    async def write(self, topic: str, what: _Record) -> None:
        producer = await self._started()
        key, value, headers = what
        try:
            await producer.send_and_wait(topic, value, key=key, headers=headers)
        except BaseException:
            # A batch that failed leaves a gap in what is numbered, and nobody may close it later.
            self._give_up(producer)
            raise

    async def _started(self) -> "AIOKafkaProducer":
        async with self._starting:
            if self._producer is None:
                producer = self._make()
                try:
                    await producer.start()
                except BaseException:
                    self._end(producer)
                    raise
                self._producer = producer
            return self._producer

    def _give_up(self, producer: "AIOKafkaProducer") -> None:
        """Drop a producer and what it holds; the next event makes another."""
        if self._producer is producer:
            self._producer = None
            self._end(producer)

    def _end(self, producer: "AIOKafkaProducer") -> None:
        task = asyncio.create_task(_dropped(producer))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def close(self) -> None:
        if self._producer is not None:
            self._give_up(self._producer)
        await asyncio.gather(*self._ending)


async def _dropped(producer: "AIOKafkaProducer") -> None:
    """Stop a producer without what it holds.

    Its own `stop` waits for that, and an idempotent batch never expires: while the brokers are
    away it would never return. Nothing public gives a batch up, so this does the rest of `stop`.
    """
    producer._closed = True  # noqa: SLF001
    await producer._sender.close()  # noqa: SLF001
    await producer.client.close()


def _producer(sink: KafkaSink, secret: Secret, seconds: float) -> "AIOKafkaProducer":
    # It takes 0.16 s to import, which who has no such sink need not wait for.
    from aiokafka import AIOKafkaProducer  # noqa: PLC0415

    return AIOKafkaProducer(
        bootstrap_servers=list(sink.brokers),
        client_id=CLIENT,
        acks="all",
        enable_idempotence=True,
        # So that one broker which does not answer leaves time for the next.
        request_timeout_ms=max(1, int(seconds * 1000 / (len(sink.brokers) + 1))),
        **_security(sink, secret),
    )


def _security(sink: KafkaSink, secret: Secret) -> dict[str, Any]:
    named = sink.username and sink.password
    found: dict[str, Any] = {
        "security_protocol": ("SASL_" if named else "") + ("SSL" if sink.tls else "PLAINTEXT")
    }
    if not named and found["security_protocol"] == "PLAINTEXT":
        return found
    if sink.tls:
        found["ssl_context"] = _tls(secret(sink.ca) if sink.ca else None)
    if named:
        found |= {
            "sasl_mechanism": sink.mechanism,
            "sasl_plain_username": secret(sink.username or ""),
            "sasl_plain_password": secret(sink.password or ""),
        }
    return found


def _tls(certificates: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=certificates)
    except ssl.SSLError as error:
        raise TemporaryError("what ca names holds no certificate in PEM") from error


def _translated(error: Any, topic: str) -> TemporaryError | PermanentError:
    """Say by its meaning what a broker, or the way to one, has against an event."""
    from aiokafka import errors  # noqa: PLC0415 - see _producer

    what = type(error).__name__
    match error:
        case errors.MessageSizeTooLargeError() | errors.RecordListTooLargeError():
            return PermanentError(f"the event is larger than topic {topic} takes")
        case errors.TopicAuthorizationFailedError() | errors.ClusterAuthorizationFailedError():
            return PermanentError(f"the user may not write to topic {topic}")
        case errors.PolicyViolationError() | errors.InvalidTopicError():
            return PermanentError(f"topic {topic} is refused ({what})")
        case errors.UnknownTopicOrPartitionError():
            return TemporaryError(f"the brokers have no topic {topic}")
        case errors.KafkaConnectionError():
            return TemporaryError("no broker could be reached", unknown=True)
        case _:
            return TemporaryError(f"the brokers did not take it ({what})", unknown=True)
