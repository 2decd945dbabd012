"""The Slack adapter against the simulated Slack, over real HTTP, with the real SDK."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.errors import (
    ForbiddenError,
    MissingError,
    PermanentError,
    StaleLeaseError,
    TemporaryError,
)
from bot.ports import Message
from integrations.simulated.server import Fault
from integrations.simulated.slack import SimulatedSlack
from integrations.slack import SlackChat
from integrations.slack import blocks as shapes
from tests.patience import PATIENT
from tests.virtual import VirtualClock


class Kit:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.sim = SimulatedSlack(self.clock.now, self.clock.sleep, signing_secret="s")

    async def start(self) -> "Kit":
        await self.sim.start()
        self.sim.add_channel("C1", "releases")
        self.sim.add_user("U1", "ana")
        self.sim.add_user("U2", "guest", guest=True)
        self.sim.add_group("S1", ["U1"])
        self.chat = self.patient_for(PATIENT)
        return self

    def patient_for(self, seconds: float) -> SlackChat:
        url = f"{self.sim.url}/api/"
        return SlackChat(self.sim.token, self.clock, base_url=url, team="T123", seconds=seconds)


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    made = await Kit().start()
    yield made
    await made.chat.close()
    await made.sim.stop()


SECTION = {"type": "section", "text": {"type": "mrkdwn", "text": "hello"}}


async def test_a_message_is_found_again_by_its_key(kit: Kit) -> None:
    ts = await kit.chat.post("C1", Message(text="one", blocks=(SECTION,), key="k1"))
    reply = await kit.chat.post("C1", Message(text="two", key="k2"), ts)
    assert await kit.chat.find("C1", "k1") == ts
    assert await kit.chat.find("C1", "k2") is None
    assert await kit.chat.find("C1", "k2", ts) == reply
    assert await kit.chat.find("C1", "k9") is None


async def test_an_update_replaces_and_a_lost_one_is_missing(kit: Kit) -> None:
    ts = await kit.chat.post("C1", Message(text="one"))
    await kit.chat.update("C1", ts, Message(text="two"))
    assert kit.sim.space.roots("C1")[0].text == "two"
    for channel, stamp in (("C1", "1.1"), ("C9", ts)):
        with pytest.raises(MissingError):
            await kit.chat.update(channel, stamp, Message(text="x"))
    kit.sim.space.channels["C1"].archived = True
    with pytest.raises(MissingError):
        await kit.chat.update("C1", ts, Message(text="x"))


@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "status"])
async def test_a_post_is_sent_once_whatever_happens(kit: Kit, kind: str) -> None:
    kit.sim.fail(Fault(kind, path="chat.postMessage"))  # type: ignore[arg-type]
    with pytest.raises(TemporaryError) as caught:
        await kit.chat.post("C1", Message(text="one", key="k"))
    assert caught.value.unknown
    assert sum("postMessage" in e.path for e in kit.sim.journal) == 1


@pytest.mark.parametrize("connected", [False, True])
async def test_a_post_is_asked_for_once_more_when_it_is_about_to_go_out(
    kit: Kit, *, connected: bool
) -> None:
    def frozen_meanwhile() -> None:
        raise StaleLeaseError("slack")

    if connected:
        await kit.chat.post("C1", Message(text="before"))
    for _ in range(150):
        # More often than there are connections: none is lost by it.
        with pytest.raises(StaleLeaseError):
            await kit.chat.post("C1", Message(text="late"), None, frozen_meanwhile)
    kit.clock.moment += timedelta(minutes=1)
    await kit.chat.post("C1", Message(text="after"), None, lambda: None)
    said = [message.text for message in kit.sim.space.roots("C1")]
    assert said == ["before", "after"][0 if connected else 1 :]


async def test_a_read_survives_one_lost_connection(kit: Kit) -> None:
    kit.sim.fail(Fault("drop_before", path="usergroups"))
    assert (await kit.chat.members("S1"))[0] == ("U1",)


async def test_errors_are_told_by_meaning(kit: Kit) -> None:
    limited = {"Retry-After": "7"}
    body = {"ok": False, "error": "ratelimited"}
    kit.sim.fail(Fault("status", status=429, headers=limited, body=body))
    with pytest.raises(TemporaryError) as caught:
        await kit.chat.post("C1", Message(text="x"))
    assert caught.value.delay == 7
    kit.sim.fail(Fault("hang", seconds=3))
    hasty = kit.patient_for(1.0)
    with pytest.raises(TemporaryError):
        await hasty.whisper("C1", "U1", Message(text="x"))
    await hasty.close()
    with pytest.raises(MissingError):
        await kit.chat.whisper("C1", "U9", Message(text="x"))
    kit.sim.token = "another"
    with pytest.raises(ForbiddenError, match="invalid_auth"):
        await kit.chat.auth()


async def test_a_group_is_cached_for_a_minute_and_stale_for_an_hour(kit: Kit) -> None:
    first, read_at = await kit.chat.members("S1")
    kit.sim.add_group("S1", ["U1", "U2"])
    assert (await kit.chat.members("S1"))[0] == first
    kit.clock.moment += timedelta(minutes=2)
    assert (await kit.chat.members("S1"))[0] == ("U1", "U2")
    kit.sim.fail(Fault("status", times=None))
    kit.clock.moment += timedelta(minutes=30)
    members, stale_at = await kit.chat.members("S1")
    assert members == ("U1", "U2")
    assert read_at < stale_at < kit.clock.now()
    kit.clock.moment += timedelta(hours=1)
    with pytest.raises(TemporaryError, match="user group S1 can't be read"):
        await kit.chat.members("S1")
    with pytest.raises(TemporaryError):
        await kit.chat.members("S9")


async def test_guests_and_strangers_are_outsiders(kit: Kit) -> None:
    assert not await kit.chat.is_outsider("U1")
    assert await kit.chat.is_outsider("U2")
    assert await kit.chat.is_outsider("U9")
    kit.sim.space.users["U1"].team = "T9"
    assert not await kit.chat.is_outsider("U1")
    kit.clock.moment += timedelta(minutes=6)
    assert await kit.chat.is_outsider("U1")
    kit.sim.fail(
        Fault("status", times=None, body={"ok": False, "error": "missing_scope"}, status=200)
    )
    kit.clock.moment += timedelta(minutes=6)
    with pytest.raises(TemporaryError, match="doesn't say who U1 is"):
        await kit.chat.is_outsider("U1")


async def test_what_is_too_long_is_cut_and_what_is_wrong_is_said_in_words(kit: Kit) -> None:
    long = {"type": "section", "text": {"type": "mrkdwn", "text": "x" * 4000}}
    await kit.chat.post("C1", Message(text="t", blocks=(long,) * 60))
    sent = kit.sim.space.roots("C1")[0]
    assert len(sent.blocks) == 50
    assert sent.blocks[0]["text"]["text"].endswith("…")
    assert "11 parts more" in sent.blocks[-1]["elements"][0]["text"]
    odd = {"type": "marquee"}
    assert shapes.problem([odd]) == "unknown block type marquee"
    await kit.chat.post("C1", Message(text="still said", blocks=(odd,)))
    assert kit.sim.space.roots("C1")[1].text == "still said"
    assert shapes.problem([{"type": "header", "text": {"type": "plain_text", "text": "x" * 200}}])


async def test_the_doctor_looks_at_team_scopes_and_channels(kit: Kit) -> None:
    assert [f.good for f in (await kit.chat.check(("C1",))).findings] == [True, True, True]
    kit.sim.space.team = "T9"
    found = (await kit.chat.check(("C1", "C9"))).findings
    said = [f.sentence for f in found if not f.good]
    assert "The token is for T9, the catalogue names T123." in said
    assert "Slack: channel_not_found." in said
    kit.sim.token = "another"
    assert not (await kit.chat.check(())).findings[0].good


async def test_an_invalid_call_is_refused(kit: Kit) -> None:
    kit.sim.fail(Fault("status", status=200, body={"ok": False, "error": "msg_too_long"}))
    with pytest.raises(PermanentError, match="msg_too_long"):
        await kit.chat.post("C1", Message(text="x"))
    kit.sim.fail(Fault("status", status=200, body={"ok": False, "error": "fatal_error"}))
    with pytest.raises(TemporaryError):
        await kit.chat.post("C1", Message(text="x"))
