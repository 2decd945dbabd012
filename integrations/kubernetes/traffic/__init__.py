"""The ways of moving traffic. Each is one file here: a `Way` for one kind of object.

Used by `cluster`, `watches` and `doctor`. A new way is a new file, a line in the table, and a word
for `strategy.traffic` in the catalogue.
"""

from collections.abc import Mapping

from bot.domain.targets import ARGO, Target
from integrations.kubernetes.traffic.argo import ArgoRollouts
from integrations.kubernetes.traffic.gateway import Gateway
from integrations.kubernetes.traffic.istio import Istio
from integrations.kubernetes.traffic.service import Selector
from integrations.kubernetes.traffic.way import Move, Way
from integrations.kubernetes.traffic.whole import Whole

__all__ = ["WAYS", "Move", "Way", "way_of"]

WAYS: Mapping[str, Way] = {
    "service": Selector(),
    "gateway": Gateway(),
    "istio": Istio(),
    ARGO: ArgoRollouts(),
}
"""Each way by the catalogue's word for it (`strategy.traffic`)."""

ONE_COPY = Whole()
"""How traffic stands where there is nothing to move it between."""


def way_of(target: Target) -> Way:
    """Say how this target's traffic is moved."""
    return ONE_COPY if target.one_copy else WAYS[target.traffic]
