"""Slack: the `Chat` port, and the receiver of what people say and press."""

from integrations.slack.chat import SlackChat
from integrations.slack.receiver import SlackReceiver

__all__ = ["SlackChat", "SlackReceiver"]
