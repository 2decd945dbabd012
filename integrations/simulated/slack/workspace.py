"""What the simulated workspace holds: people, channels, groups, messages."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from integrations.simulated.slack.limits import SlackError
from integrations.simulated.slack.messages import Message


@dataclass
class User:
    """A person. `guest` and `team` say whether they belong here."""

    id: str
    name: str
    tz: str = "UTC"
    guest: bool = False
    team: str | None = None


@dataclass
class Channel:
    """A channel and its messages by time stamp."""

    id: str
    name: str
    archived: bool = False
    member: bool = True
    """Whether the bot was invited."""
    topic: str = ""
    messages: dict[str, Message] = field(default_factory=dict)


class Workspace:
    """The state behind the API."""

    def __init__(self, team: str) -> None:
        self.team = team
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.groups: dict[str, list[str]] = {}
        self.ephemerals: list[Message] = []
        self.serial = 0
        self._last_ts = 0.0

    def next_ts(self, now: datetime) -> str:
        """Make a time stamp that no message has."""
        self._last_ts = max(self._last_ts + 0.0001, now.timestamp())
        return f"{self._last_ts:.6f}"

    def next_serial(self) -> int:
        """Number the next change."""
        self.serial += 1
        return self.serial

    def channel(self, channel_id: str, *, to_write: bool = False) -> Channel:
        """Look a channel up. Raises channel_not_found, or is_archived for writing."""
        if channel_id not in self.channels:
            raise SlackError("channel_not_found")
        channel = self.channels[channel_id]
        if to_write and channel.archived:
            raise SlackError("is_archived")
        if to_write and not channel.member:
            raise SlackError("not_in_channel")
        return channel

    def message(self, channel_id: str, ts: str) -> Message:
        """Look a message up. Raises message_not_found."""
        channel = self.channel(channel_id, to_write=True)
        if ts not in channel.messages:
            raise SlackError("message_not_found")
        return channel.messages[ts]

    def name_of(self, key: str) -> str:
        """Name a person or channel by id."""
        if key in self.users:
            return self.users[key].name
        return self.channels[key].name if key in self.channels else key

    def roots(self, channel_id: str) -> list[Message]:
        """Root messages of a channel, oldest first."""
        return [m for m in self.channel(channel_id).messages.values() if not m.thread_ts]

    def replies(self, channel_id: str, ts: str) -> list[Message]:
        """Messages in a thread, without its root, oldest first."""
        return [m for m in self.channel(channel_id).messages.values() if m.thread_ts == ts]


def as_object(message: Message, *, with_metadata: bool) -> dict[str, Any]:
    """Write a message as the API does."""
    found: dict[str, Any] = {
        "type": "message",
        "ts": message.ts,
        "text": message.text,
        "blocks": message.blocks,
        "bot_id": "B1" if message.author == "bot" else None,
        "user": "UBOT" if message.author == "bot" else message.author,
        "app_id": "A1",
    }
    if message.thread_ts:
        found["thread_ts"] = message.thread_ts
    if message.files:
        found["files"] = [
            {"id": file.id, "name": file.name, "title": file.title, "mimetype": "image/png"}
            for file in message.files
        ]
    if with_metadata and message.metadata:
        found["metadata"] = message.metadata
    return found
