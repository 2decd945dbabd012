"""Prometheus: the `Metrics` port over its HTTP API, which Thanos and others speak too."""

from integrations.prometheus.client import Prometheus
from integrations.prometheus.doctor import examine

__all__ = ["Prometheus", "examine"]
