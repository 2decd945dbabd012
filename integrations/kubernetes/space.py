"""What one namespace holds, as `doctor` has read it; and what can be said of it.

Filled by `doctor`, judged by `wiring` and by each way of moving traffic. Reads nothing itself.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from bot.domain.catalog import Slot
from integrations.kubernetes.api import KubeApi
from integrations.kubernetes.kinds import Kind
from integrations.kubernetes.objects import Object

SLOTS: tuple[Slot, Slot] = ("blue", "green")

Said = tuple[str, str]
"""What is wrong, and what to do about it."""


class Parent(NamedTuple):
    """An object that what moves traffic is bound to, be it in another namespace: a gateway."""

    kind: Kind
    namespace: str
    name: str


@dataclass
class Space:
    """What one namespace holds, by kind and name; and the gateways that its routes name."""

    api: KubeApi
    cluster: str | None
    """The kubeconfig's context."""
    name: str
    items: dict[Kind, dict[str, Object]] = field(default_factory=dict)
    """A kind that may not be read is not in here."""
    parents: dict[Parent, Object | None] = field(default_factory=dict)
    """Empty: there is none. None: it may not be read."""

    def find(self, kind: Kind, name: str) -> Object | None:
        """Look an object up."""
        return self.items.get(kind, {}).get(name)


def kubectl(cluster: str | None, namespace: str | None = None) -> str:
    """Begin a command that people can copy: `kubectl --context main -n production`."""
    context = f" --context {cluster}" if cluster else ""
    return f"kubectl{context}{f' -n {namespace}' if namespace else ''}"
