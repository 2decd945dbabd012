"""A simulated GitHub: tags, checks, code scanning, workflow runs and signed webhooks over HTTP."""

from integrations.simulated.github.api import SimulatedGitHub
from integrations.simulated.github.world import Workflow

__all__ = ["SimulatedGitHub", "Workflow"]
