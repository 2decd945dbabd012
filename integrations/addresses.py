"""Judges the address that a host leads to, and lets the connection go to just that address.

Used by `previews` and `calendars`. A name server answers whatever its owner likes, and another
thing a second later: so the names are looked up here, each answer is judged, and what was judged is
what is connected to.
"""

import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from aiohttp.abc import AbstractResolver, ResolveResult

from bot.errors import PermanentError

_NETWORKS = {
    "link-local, where clouds keep credentials": ("169.254.0.0/16", "fe80::/10"),
    "a cloud's own, where it keeps credentials": (
        "100.100.100.200/32", "168.63.129.16/32", "192.0.0.192/32",
        "fd00:ec2::254/128", "fd20:ce::254/128",
    ),
    "no host's address": ("0.0.0.0/8", "224.0.0.0/4", "240.0.0.0/4", "::/128", "ff00::/8"),
}  # fmt: skip
NEVER = {why: tuple(ip_network(n) for n in networks) for why, networks in _NETWORKS.items()}
"""Networks that no check leads to, by why."""

_TRANSLATED = ip_network("64:ff9b::/96")
_COMPATIBLE = ip_network("::/96")
_LAST_32 = 2**32 - 1


def refusal(address: str, *, listed: bool) -> str | None:
    """Say what an address is that must not be connected to; None: it may be.

    `listed`: the catalogue lists the host by its own name, so that it may be this machine itself.
    """
    plain = ip_address(address.partition("%")[0])
    forms = [plain, *_inside(plain)]
    for why, networks in NEVER.items():
        if any(form in network for form in forms for network in networks):
            return why
    if not listed and any(form.is_loopback for form in forms):
        return "this machine's own, and the host is not listed by its name"
    return None


def _inside(address: IPv4Address | IPv6Address) -> list[IPv4Address]:
    """List the IPv4 addresses that an IPv6 address stands for, in whichever of the ways."""
    if isinstance(address, IPv4Address):
        return []
    found = [address.ipv4_mapped, address.sixtofour, *(address.teredo or ())]
    if address in _TRANSLATED or (address in _COMPATIBLE and int(address) > 1):
        found.append(IPv4Address(int(address) & _LAST_32))
    return [form for form in found if form is not None]


def check(host: str, address: str, *, listed: bool, public: bool = False) -> None:
    """Raise PermanentError where the host leads to what must not be connected to.

    `public`: only addresses of the Internet will do, and this machine's own where it is listed.
    """
    why = refusal(address, listed=listed) or (_inner(address) if public else None)
    if why is not None:
        raise PermanentError(f"was not asked: {host} leads to {address}, which is {why}")


def _inner(address: str) -> str | None:
    """Say that an address is one of a network of one's own, and not of this machine itself."""
    plain = ip_address(address.partition("%")[0])
    forms = [plain, *_inside(plain)]
    inner = any(not (form.is_global or form.is_loopback) for form in forms)
    return "a private network's" if inner else None


class JudgedResolver(AbstractResolver):
    """Looks names up by another resolver, and judges each of the addresses. One bad: none."""

    def __init__(self, inner: AbstractResolver, *, listed: bool, public: bool = False) -> None:
        self._inner = inner
        self._listed = listed
        self._public = public

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Look a name up. Raises PermanentError where one of its addresses is refused."""
        found = await self._inner.resolve(host, port, family)
        for one in found:
            check(host, one["host"], listed=self._listed, public=self._public)
        return found

    async def close(self) -> None:
        """Nothing to close: the inner one is its owner's."""
