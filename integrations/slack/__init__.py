"""Slack: the `Chat` port, and the receiver of what people say and press."""

from integrations.slack.chat import SlackChat
from integrations.slack.receiver import SlackReceiver
from integrations.slack.socket import SlackSocket

__all__ = ["SlackChat", "SlackReceiver", "SlackSocket"]
