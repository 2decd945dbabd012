"""`Sinks`: the `EventSink` port. Hands each event to the kind of sink that the catalogue names."""

from collections.abc import Callable, Mapping
from typing import assert_never

from bot.domain.events import PlatformEvent
from bot.domain.sinks import HttpSink, KafkaSink, Sink, StdoutSink
from bot.ports import Checkup, Finding
from integrations.events.http import HttpSinks
from integrations.events.kafka import KafkaSinks
from integrations.events.stdout import StdoutSinks


class Sinks:
    """Every sink of the catalogue. `secret` gives what a variable holds, by its name."""

    def __init__(self, secret: Callable[[str], str | None], *, seconds: float = 10.0) -> None:
        self._http = HttpSinks(secret, seconds=seconds)
        self._kafka = KafkaSinks(secret, seconds=seconds)
        self._stdout = StdoutSinks()

    async def close(self) -> None:
        """Close every connection."""
        await self._http.close()
        await self._kafka.close()

    async def send(self, sink: Sink, event: PlatformEvent, key: str) -> None:
        """Hand one event over; see `EventSink`."""
        match sink:
            case HttpSink():
                await self._http.send(sink, event)
            case KafkaSink():
                await self._kafka.send(sink, event, key)
            case StdoutSink():
                await self._stdout.send(event)
            case _:
                assert_never(sink)

    def check(self, sinks: Mapping[str, Sink]) -> list[Finding]:
        """Say for each sink whether all is set that it needs. Nothing is sent."""
        return [self._finding(name, sink) for name, sink in sinks.items()]

    async def examine(self, sinks: Mapping[str, Sink]) -> Checkup:
        """Do the same as a part of `doctor`."""
        return Checkup(findings=tuple(self.check(sinks)))

    def _finding(self, name: str, sink: Sink) -> Finding:
        match sink:
            case HttpSink():
                return self._http.check(name, sink)
            case KafkaSink():
                return self._kafka.check(name, sink)
            case StdoutSink():
                return self._stdout.check(name)
            case _:
                assert_never(sink)
