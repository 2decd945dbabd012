"""A simulated Prometheus: series of services that get traffic, and the HTTP API to query them.

The real client speaks to it over HTTP. Series are drawn from the clock when somebody asks, so a
test with a virtual clock needs no waiting.
"""

from integrations.simulated.prometheus.api import SimulatedPrometheus
from integrations.simulated.prometheus.loads import Load, Pod

__all__ = ["Load", "Pod", "SimulatedPrometheus"]
