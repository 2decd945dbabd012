"""A simulated Slack: the Web API for the bot, and Slack's own side towards the bot's app."""

from integrations.simulated.slack.api import SimulatedSlack
from integrations.simulated.slack.messages import Button, Message

__all__ = ["Button", "Message", "SimulatedSlack"]
