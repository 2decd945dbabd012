"""Events: the `EventSink` port, as CloudEvents over HTTP and Kafka and to the standard output."""

from integrations.events.sinks import Sinks

__all__ = ["Sinks"]
