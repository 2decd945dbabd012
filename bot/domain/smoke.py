"""The catalogue's part on smoke tests: three ways to try the idle slot before it takes traffic.

A part of `catalog.Catalog`; `domain.checks` judges what HTTP checks were answered. Addresses are
judged by how they are written; nothing is looked up, and nobody is asked.
"""

import re
from collections.abc import Collection, Mapping
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import AfterValidator, ConfigDict, Field, model_validator

from bot.domain.durations import Brief, Duration
from bot.domain.patterns import ServicePattern, holes
from bot.domain.value import Value

TRIES, PAUSE = 3, timedelta(seconds=5)
"""How often a check is asked, and how long after one that failed, where nobody says otherwise."""

LONGEST = timedelta(seconds=10)
"""How long an answer may take at all; a check may ask for less."""

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_WILD = re.compile(rf"\*(?:\.{_LABEL}){{2,}}")
_POINTER = re.compile(r"(?:/(?:[^~/]|~[01])*)+")


def host_of(url: str) -> str | None:
    """Read the host of an address by http or https; None where it is no such address."""
    if re.search(r"[\s\\\x00-\x1f\x7f]", url):
        return None
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in ("https", "http") or host is None or port == 0:
        return None
    return host if _is_host(host) else None


def _is_host(host: str) -> bool:
    """Tell names and addresses from what is neither: `127.1`, which a resolver takes for one."""
    numeric = host.rpartition(".")[2].isdigit()
    return is_address(host) or (not numeric and _NAME.fullmatch(host) is not None)


def is_address(host: str) -> bool:
    """Tell whether a host is an address already, so that no name is looked up."""
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def filled_url(
    url: str, *, service: str, namespace: str, slot: str, version: str = "version"
) -> str:
    """Fill an address in. The version is a tag's, so it is written as a part of a path is."""
    named = {"service": service, "namespace": namespace, "slot": slot}
    return url.format(**named, version=quote(version, safe=""))


def is_listed(host: str, hosts: Collection[str]) -> bool:
    """Tell whether a host stands in the list by its own name, not below a `*`."""
    return host in hosts


def is_allowed(host: str, hosts: Collection[str]) -> bool:
    """Tell whether the list lets a host be asked: by its name, or because it is below a `*`."""
    below = (one.removeprefix("*") for one in hosts if one.startswith("*."))
    return is_listed(host, hosts) or any(host.endswith(end) for end in below)


def _url(text: str) -> str:
    url = filled_url(text, service="s", namespace="n", slot="blue")
    if host_of(url) is None:
        raise ValueError(
            f"{text!r} is not an address such as http://payments-preview.production.svc/health"
        )
    if "@" in urlsplit(url).netloc or "#" in text:
        raise ValueError("no user, password or #part can stand here; a check knows no secret")
    other = filled_url(text, service="s", namespace="n", slot="blue", version="other")
    if urlsplit(url).netloc != urlsplit(other).netloc:
        raise ValueError("{version} can't stand in the host: a tag would choose who is asked")
    return text


def _host(text: str) -> str:
    if not (_is_host(text) or _WILD.fullmatch(text)):
        raise ValueError(
            f"{text!r} is not a host such as payments-preview.production.svc or "
            "*.preview.example.com"
        )
    return text


def _within(time: timedelta) -> timedelta:
    if not timedelta(0) < time <= LONGEST:
        raise ValueError(f"within must be more than nothing and {LONGEST.seconds}s at the most")
    return time


def _pointer(text: str) -> str:
    if not _POINTER.fullmatch(text):
        raise ValueError(f"{text!r} is not a JSON pointer such as /status")
    return text


HostPattern = Annotated[str, AfterValidator(_host)]
"""A host, or `*.` and a domain of two names or more: then all that is below it."""

CheckUrl = Annotated[
    str, holes("service", "namespace", "slot", "version"), AfterValidator(_url)
]  # fmt: skip
Pointer = Annotated[str, AfterValidator(_pointer)]


class HttpCheck(Value):
    """One question to the preview Service, and what its answer must be.

    `contains` is plain text; `equals` names values of a JSON body by their pointers. There is no
    regular expression: Python has no engine whose time is bounded, and a rule against nested
    quantifiers lets others through that take as long. Only GET and HEAD: a check is asked again.
    """

    model_config = ConfigDict(extra="forbid")

    url: CheckUrl
    method: Literal["GET", "HEAD"] = "GET"
    status: int = Field(default=200, ge=200, le=599)
    within: Annotated[Brief, AfterValidator(_within)] | None = None
    contains: Annotated[str, Field(min_length=1, max_length=1000)] | None = None
    equals: Mapping[Pointer, str] = {}

    @model_validator(mode="after")
    def _body_to_look_at(self) -> Self:
        if self.method == "HEAD" and (self.contains or self.equals):
            raise ValueError("the answer to HEAD has no body: leave contains and equals away")
        return self


class CheckList(Value):
    """The checks of a plan, with whom they may ask: all that its digest must cover."""

    checks: tuple[HttpCheck, ...]
    tries: int
    pause: Duration
    hosts: tuple[str, ...]


class Smoke(Value):
    """What tests the idle slot: a workflow, a Job from a suspended CronJob, or HTTP checks.

    `tries` and `pause` belong to the checks: how often each is asked, and how long after one
    that failed.
    """

    model_config = ConfigDict(extra="forbid")

    workflow: str | None = None
    cronjob: ServicePattern | None = None
    http: Annotated[tuple[HttpCheck, ...], Field(min_length=1, max_length=20)] | None = None
    tries: int = Field(default=TRIES, ge=1, le=20)
    pause: Duration = PAUSE

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = (self.workflow, self.cronjob, self.http)
        if sum(way is not None for way in ways) != 1:
            raise ValueError("say one of workflow: FILE, cronjob: NAME and http: [CHECK, …]")
        # The defaults may be written: the stored catalogue has every field.
        if self.http is None and (self.tries, self.pause) != (TRIES, PAUSE):
            raise ValueError("tries and pause belong to http")
        return self

    @property
    def by_preview(self) -> bool:
        """Whether it finds the idle slot through the preview Service."""
        return self.workflow is None
