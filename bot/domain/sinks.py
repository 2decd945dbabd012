"""The catalogue's part on events: who is told of deployments, and how. An allow list, no more.

A part of `catalog.Catalog`. Addresses are judged by how they are written; nothing is looked up.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict, Discriminator, Tag, model_validator

from bot.domain.value import Value

Contract = Literal["platform", "cdevents"]
"""A family of events: the platform's own, or CDEvents."""

Mode = Literal["structured", "binary"]
"""How a CloudEvent is written: all of it in the body, or its attributes in headers."""

Mechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _address(text: str) -> str:
    parts = urlsplit(text)
    if parts.username is not None or parts.fragment:
        # The sentence leaves the address out: there may be a password in it.
        raise ValueError("no user, password or #part can stand here; the signature is the proof")
    if parts.scheme not in ("https", "http") or not parts.hostname or parts.port == 0:
        raise ValueError(f"{text!r} is not an address such as https://events.example.com/hook")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(f"{text!r} must begin with https://; only this machine is told by http")
    return text


def _variable(text: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", text):
        # Nor does this one say what was given: it may be the key itself.
        raise ValueError("this names an environment variable, such as EVENTS_KEY, never the key")
    return text


def _broker(text: str) -> str:
    try:
        parts = urlsplit(f"//{text}")
        right = parts.hostname and parts.port and not parts.path and "@" not in text
    except ValueError:
        right = False
    if not right:
        raise ValueError(
            "a broker is written as HOST:PORT, such as kafka-1.example.com:9093, and nothing more"
        )
    return text


def _topic(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", text) or text in (".", ".."):
        raise ValueError(f"{text!r} is no topic: letters, digits, dot, _ and -, at most 249")
    return text


def _some(given: tuple[str, ...]) -> tuple[str, ...]:
    if not given:
        raise ValueError("there must be at least one")
    return given


def _each_once(contracts: tuple[Contract, ...]) -> tuple[Contract, ...]:
    if len(set(contracts)) < len(contracts):
        raise ValueError("each contract stands here once")
    return contracts


Address = Annotated[str, AfterValidator(_address)]
Variable = Annotated[str, AfterValidator(_variable)]


class _Sink(Value):
    """What every sink has. `contracts`: the families of events that it takes."""

    model_config = ConfigDict(extra="forbid")

    contracts: Annotated[
        tuple[Contract, ...], AfterValidator(_some), AfterValidator(_each_once)
    ] = ("platform",)


class HttpSink(_Sink):
    """An address that is posted to. `secret` names the variable that holds the HMAC key."""

    kind: Literal["http"] = "http"
    url: Address
    mode: Mode = "structured"
    secret: Variable


class KafkaSink(_Sink):
    """A topic. Who may write there is said by variables that the catalogue names, never in it."""

    kind: Literal["kafka"]
    brokers: Annotated[tuple[Annotated[str, AfterValidator(_broker)], ...], AfterValidator(_some)]
    """Where the cluster is first asked, each as HOST:PORT."""
    topic: Annotated[str, AfterValidator(_topic)]
    mode: Mode = "structured"
    tls: bool = True
    ca: Variable | None = None
    """Names the variable with the certificates (PEM) that the brokers' own are checked by."""
    mechanism: Mechanism = "SCRAM-SHA-512"
    username: Variable | None = None
    password: Variable | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise ValueError("username and password go together; each names a variable")
        elsewhere = [b for b in self.brokers if not _is_loopback(urlsplit(f"//{b}").hostname or "")]
        if not self.tls and elsewhere:
            raise ValueError(
                f"without tls only brokers on this machine are told, and {elsewhere[0]} is not"
            )
        if self.ca is not None and not self.tls:
            raise ValueError("ca is for tls, which is off")
        return self

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables that must be set before anything can be sent."""
        return tuple(v for v in (self.ca, self.username, self.password) if v is not None)


class StdoutSink(_Sink):
    """The standard output: one JSON line an event, for a collector of logs."""

    kind: Literal["stdout"]


KIND = "kind="
"""Begins the tags of the kinds: no key of a catalogue can be mistaken for one."""


def _kind(given: Any) -> str:
    if isinstance(given, Mapping):
        return f"{KIND}{given.get('kind', 'http')}"
    return f"{KIND}{getattr(given, 'kind', 'http')}"


Sink = HttpSink | KafkaSink | StdoutSink
Written = Annotated[
    Annotated[HttpSink, Tag(f"{KIND}http")]
    | Annotated[KafkaSink, Tag(f"{KIND}kafka")]
    | Annotated[StdoutSink, Tag(f"{KIND}stdout")],
    Discriminator(_kind),
]
"""A sink as the catalogue writes it; `kind` tells which, and without it it is `http`."""


class Events(Value):
    """The sinks, by name. Each event goes to each of them that takes its contract."""

    model_config = ConfigDict(extra="forbid")

    sinks: Mapping[str, Written] = {}

    def takers(self, contract: Contract) -> list[str]:
        """Name the sinks that take the events of a contract."""
        return [name for name, sink in self.sinks.items() if contract in sink.contracts]
