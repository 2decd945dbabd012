"""GitHub: the `SourceHost` port over PyGithub, and the receiver of its webhooks."""

from integrations.github.host import GitHubHost
from integrations.github.pool import Credentials
from integrations.github.webhooks import webhook_route

__all__ = ["Credentials", "GitHubHost", "webhook_route"]
