"""Events: the `EventSink` port, as signed CloudEvents over HTTP."""

from integrations.events.sinks import HttpSinks

__all__ = ["HttpSinks"]
