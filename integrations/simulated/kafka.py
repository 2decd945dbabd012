"""A simulated Kafka: one broker on loopback that takes what an idempotent producer writes.

It speaks Kafka's own protocol over TCP: versions, metadata, SASL PLAIN, producer ids, produce.
Record batches are kept as they came and are read with their checksums; a batch that a producer
sends again, by its id and sequence, is kept once. Knobs make the faults that brokers have.
"""

import asyncio
import struct
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any

from aiokafka.protocol.admin import (
    ApiVersionRequest_v0,
    ApiVersionResponse_v0,
    SaslAuthenticateRequest_v0,
    SaslAuthenticateResponse_v0,
    SaslHandShakeRequest_v1,
    SaslHandShakeResponse_v1,
)
from aiokafka.protocol.api import RequestHeader_v1, ResponseHeader_v0
from aiokafka.protocol.metadata import MetadataRequest_v5, MetadataResponse_v5
from aiokafka.protocol.produce import ProduceRequest_v7, ProduceResponse_v7
from aiokafka.protocol.transaction import InitProducerIdRequest_v0, InitProducerIdResponse_v0
from aiokafka.record.memory_records import MemoryRecords

from integrations.simulated.server import Now

REQUESTS = {
    known.API_KEY: known
    for known in (
        ApiVersionRequest_v0,
        MetadataRequest_v5,
        SaslHandShakeRequest_v1,
        SaslAuthenticateRequest_v0,
        InitProducerIdRequest_v0,
        ProduceRequest_v7,
    )
}
NONE, CORRUPT, NO_TOPIC, NOT_LEADER, TOO_LARGE = 0, 2, 3, 6, 10
NO_RIGHT, OUT_OF_ORDER, BAD_LOGIN = 29, 45, 58
"""Error codes, as the protocol numbers them."""

NODE = 0
NOBODY: list[int] = []


@dataclass(frozen=True)
class Record:
    """One record as it was written."""

    at: datetime
    topic: str
    partition: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]
    producer: int


@dataclass
class _Faults:
    """What goes wrong with the next produce requests, each so many times."""

    codes: list[int] = field(default_factory=list)
    drop_after: int = 0
    hang: int = 0


class SimulatedKafka:
    """One broker. `login`: the user and password that it asks for, in SASL PLAIN."""

    def __init__(
        self,
        now: Now,
        *,
        topics: dict[str, int],
        login: tuple[str, str] | None = None,
        largest: int = 2**20,
    ) -> None:
        self.now = now
        self.topics = topics
        self.login = login
        self.largest = largest
        self.records: list[Record] = []
        self.asked: Counter[str] = Counter()
        """Requests by their name."""
        self.acks: set[int] = set()
        self.address = ""
        self._faults = _Faults()
        self._producers = 0
        self._next: dict[tuple[int, str, int], int] = {}
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    # What a test does to it.

    async def start(self) -> None:
        """Listen on 127.0.0.1, at the same port as before if it was stopped."""
        port = int(self.address.rpartition(":")[2] or 0)
        self._server = await asyncio.start_server(self._talk, "127.0.0.1", port)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def stop(self) -> None:
        """Be away: nobody can connect, and who is connected is cut off."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._open):
                writer.transport.abort()
            await self._server.wait_closed()
            self._server = None

    def refuse(self, code: int, times: int = 1) -> None:
        """Answer the next writes with that error."""
        self._faults.codes += [code] * times

    def drop_after(self, times: int = 1) -> None:
        """Keep the next writes, and cut the connection before the answer."""
        self._faults.drop_after = times

    def hang(self, times: int = 1) -> None:
        """Take the next writes for nothing and never answer."""
        self._faults.hang = times

    # The protocol.

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        client = _Client(known=self.login is None)
        try:
            while True:
                size = struct.unpack(">i", await reader.readexactly(4))[0]
                answer = self._answer(await reader.readexactly(size), client)
                if client.hangs:
                    await reader.read()
                if answer is None:
                    break
                writer.write(struct.pack(">i", len(answer)) + answer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._open.discard(writer)
            writer.transport.abort()

    def _answer(self, frame: bytes, client: "_Client") -> bytes | None:
        """Answer a request; None: not at all."""
        stream = BytesIO(frame)
        key, version, correlation, _client = RequestHeader_v1.SCHEMA.decode(stream)
        kind = REQUESTS.get(key)
        if kind is None or version != kind.API_VERSION:
            return None
        name = kind.__name__.partition("Request")[0]
        self.asked[name] += 1
        response = self._respond(kind.decode(stream), client)
        if response is None:
            return None
        head: bytes = ResponseHeader_v0(correlation).encode()
        body: bytes = response.encode()
        return head + body

    def _respond(self, request: Any, client: "_Client") -> Any:
        match request:
            case ApiVersionRequest_v0():
                offered = [
                    (key, kind.API_VERSION, kind.API_VERSION) for key, kind in REQUESTS.items()
                ]
                return ApiVersionResponse_v0(NONE, offered)
            case SaslHandShakeRequest_v1():
                return SaslHandShakeResponse_v1(NONE, ["PLAIN"])
            case SaslAuthenticateRequest_v0():
                return self._log_in(request, client)
            case _ if not client.known:
                return None
            case MetadataRequest_v5():
                return self._metadata(request)
            case InitProducerIdRequest_v0():
                self._producers += 1
                return InitProducerIdResponse_v0(0, NONE, self._producers, 0)
            case _:
                return self._produce(request, client)

    def _log_in(self, request: Any, client: "_Client") -> Any:
        user, password = request.sasl_auth_bytes.decode().split("\0")[1:]
        client.known = (user, password) == self.login
        if client.known:
            return SaslAuthenticateResponse_v0(NONE, None, b"")
        return SaslAuthenticateResponse_v0(BAD_LOGIN, "Authentication failed", b"")

    def _metadata(self, request: Any) -> Any:
        host, _, port = self.address.rpartition(":")
        topics = []
        for topic in self.topics if request.topics is None else request.topics:
            count = self.topics.get(topic, 0)
            partitions = [(NONE, number, NODE, [NODE], [NODE], NOBODY) for number in range(count)]
            topics.append((NONE if count else NO_TOPIC, topic, False, partitions))
        return MetadataResponse_v5(0, [(NODE, host, int(port), None)], "sim", NODE, topics)

    def _produce(self, request: Any, client: "_Client") -> Any:
        self.acks.add(request.required_acks)
        if self._faults.hang:
            self._faults.hang -= 1
            client.hangs = True
            return None
        answers = [
            (topic, [(number, *self._kept(topic, number, batch)) for number, batch in parts])
            for topic, parts in request.topics
        ]
        if self._faults.drop_after:
            self._faults.drop_after -= 1
            return None
        return ProduceResponse_v7(answers, 0)

    def _kept(self, topic: str, partition: int, batch: bytes) -> tuple[int, int, int, int]:
        """Keep a batch; give its error code, offset, timestamp and the log's start."""
        code = self._judged(topic, batch)
        records = MemoryRecords(batch)
        while code == NONE and records.has_next():
            code = self._append(topic, partition, records.next_batch())
        return code, len(self.records), -1, 0

    def _judged(self, topic: str, batch: bytes) -> int:
        if self._faults.codes:
            return self._faults.codes.pop(0)
        if topic not in self.topics:
            return NO_TOPIC
        return TOO_LARGE if len(batch) > self.largest else NONE

    def _append(self, topic: str, partition: int, batch: Any) -> int:
        if not batch.validate_crc():
            return CORRUPT
        line = (batch.producer_id, topic, partition)
        due = self._next.get(line, 0)
        if batch.base_sequence < due:
            # It is there: its producer never heard so.
            return NONE
        if batch.base_sequence > due:
            return OUT_OF_ORDER
        found = list(batch)
        self._next[line] = due + len(found)
        self.records += [
            Record(
                at=self.now(),
                topic=topic,
                partition=partition,
                key=one.key,
                value=one.value,
                headers=dict(one.headers),
                producer=batch.producer_id,
            )
            for one in found
        ]
        return NONE


@dataclass
class _Client:
    """One connection. `known`: it may ask; `hangs`: it is never answered any more."""

    known: bool
    hangs: bool = False
