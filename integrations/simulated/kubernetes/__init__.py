"""A simulated Kubernetes API server: Deployments that roll out, Services, EndpointSlices, routes.

The real client speaks to it over HTTP. State is computed from the clock on each read, so a test
with a virtual clock needs no waiting.
"""

from integrations.simulated.kubernetes.api import SimulatedKubernetes
from integrations.simulated.kubernetes.pods import Behaviour

__all__ = ["Behaviour", "SimulatedKubernetes"]
