"""The catalogue's part on events: who is told of deployments. An allow list, and nothing more.

A part of `catalog.Catalog`. Addresses are judged by how they are written; nothing is looked up.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, ConfigDict

from bot.domain.value import Value


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


class Sink(Value):
    """Where events are sent. `secret` names the environment variable that holds the HMAC key."""

    model_config = ConfigDict(extra="forbid")

    url: Annotated[str, AfterValidator(_address)]
    mode: Literal["structured", "binary"] = "structured"
    secret: Annotated[str, AfterValidator(_variable)]


class Events(Value):
    """The sinks, by name. Each event goes to each of them."""

    model_config = ConfigDict(extra="forbid")

    sinks: Mapping[str, Sink] = {}
