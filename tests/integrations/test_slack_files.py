"""Charts into Slack: three calls, each of which may fail, and bytes that go nowhere else."""

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
from integrations.slack.files import _is_slacks
from tests.patience import PATIENT
from tests.virtual import VirtualClock

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4
NAME = "rel-7k3f-errors-3.png"
METHODS = ("files.getUploadURLExternal", "/upload/v1/", "files.completeUploadExternal")


class Kit:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.sim = SimulatedSlack(self.clock.now, self.clock.sleep, signing_secret="s")
        self.calls: list[tuple[str, str]] = []

    async def start(self) -> "Kit":
        await self.sim.start()
        self.sim.add_channel("C1", "releases")
        self.chat = self.waiting(PATIENT)
        self.thread = await self.chat.post("C1", Message(text="card"))
        return self

    def waiting(self, seconds: float) -> SlackChat:
        return SlackChat(
            self.sim.token,
            self.clock,
            base_url=f"{self.sim.url}/api/",
            team="T123",
            seconds=seconds,
            told=lambda kind, result, _: self.calls.append((kind, result)),
        )

    async def attach(self, text: str = "Errors &lt;5 %", **more: object) -> None:
        await self.chat.attach("C1", self.thread, NAME, PNG, text, **more)

    async def there(self) -> bool:
        return await self.chat.attached("C1", self.thread, NAME, self.clock.now())

    @property
    def shown(self) -> list[str]:
        return [m.rendered() for m in self.sim.space.replies("C1", self.thread)]

    def asked(self, path: str) -> int:
        return sum(path in entry.path for entry in self.sim.journal)


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    made = await Kit().start()
    yield made
    await made.chat.close()
    await made.sim.stop()


async def test_a_chart_is_in_the_thread_with_its_words(kit: Kit) -> None:
    assert not await kit.there()
    await kit.attach()
    assert kit.shown == [f"Errors <5 %\n[chart: {NAME}]"]
    [file] = kit.sim.space.replies("C1", kit.thread)[0].files
    assert (file.content, file.alt, file.title) == (PNG, "Errors <5 %", NAME)
    assert [kit.asked(path) for path in METHODS] == [1, 1, 1]
    assert ("files.upload", "ok") in kit.calls
    assert await kit.there()
    assert not await kit.chat.attached("C1", kit.thread, "another.png", kit.clock.now())


async def test_it_is_looked_for_in_what_was_said_lately(kit: Kit) -> None:
    kit.sim.rates.on = False
    since = kit.clock.now()
    for n in range(250):
        kit.clock.moment += timedelta(seconds=1)
        await kit.chat.post("C1", Message(text=f"{n}"), kit.thread)
    await kit.attach()
    assert await kit.there()
    # The first two hundred are all that one look reads.
    assert not await kit.chat.attached("C1", kit.thread, NAME, since)
    later = kit.clock.now() + timedelta(seconds=1)
    assert not await kit.chat.attached("C1", kit.thread, NAME, later)


async def test_without_the_scope_it_is_forbidden_and_nothing_is_shown(kit: Kit) -> None:
    kit.sim.scopes.discard("files:write")
    with pytest.raises(ForbiddenError, match="missing_scope"):
        await kit.attach()
    assert kit.shown == []
    assert kit.asked("/upload/") == 0


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_busy_slack_is_waited_for(kit: Kit, path: str, status: int) -> None:
    kit.sim.fail(Fault("status", path=path, status=status, body={"ok": False}))
    with pytest.raises(TemporaryError):
        await kit.attach()
    assert kit.shown == []
    await kit.attach()
    assert len(kit.shown) == 1


@pytest.mark.parametrize("path", METHODS)
@pytest.mark.parametrize("kind", ["drop_before", "drop_after", "hang"])
async def test_only_the_last_call_leaves_it_open_and_is_never_repeated(
    kit: Kit, path: str, kind: str
) -> None:
    times = 2 if path.startswith("files.get") else 1
    hangs = kind == "hang"
    kit.sim.fail(Fault(kind, path=path, seconds=30 if hangs else 0, times=times))  # type: ignore[arg-type]
    if hangs:
        await kit.chat.close()
        kit.chat = kit.waiting(2.0)
    with pytest.raises(TemporaryError) as caught:
        await kit.attach()
    assert caught.value.unknown is (path == METHODS[2])
    assert kit.asked(METHODS[2]) <= 1
    happened = path == METHODS[2] and kind == "drop_after"
    assert await kit.there() is happened
    if caught.value.unknown:
        assert caught.value.delay >= 20


async def test_refusals_are_told_by_meaning(kit: Kit) -> None:
    refused = {"ok": False, "error": "file_uploads_disabled"}
    kit.sim.fail(Fault("status", path=METHODS[0], status=200, body=refused))
    with pytest.raises(PermanentError, match="file_uploads_disabled"):
        await kit.attach()
    kit.sim.fail(Fault("status", path="/upload/", status=403))
    with pytest.raises(PermanentError, match="Slack answered 403 to a file"):
        await kit.attach()
    kit.sim.fail(Fault("status", path="/upload/", status=302, headers={"Location": "/elsewhere"}))
    with pytest.raises(PermanentError, match="302"):
        await kit.attach()
    kit.sim.fail(Fault("status", path=METHODS[0], status=200, body={"ok": True}))
    with pytest.raises(PermanentError, match="no address"):
        await kit.attach()
    kit.sim.space.channels["C1"].member = False
    with pytest.raises(MissingError):
        await kit.attach()
    assert kit.asked("elsewhere") == 0
    assert kit.shown == []


async def test_bytes_go_to_no_foreign_host(kit: Kit) -> None:
    kit.sim.upload_url = kit.sim.url.replace("127.0.0.1", "localhost")
    with pytest.raises(PermanentError, match="isn't its own: localhost"):
        await kit.attach()
    assert kit.asked("/upload/") == 0
    assert kit.asked(METHODS[2]) == 0


@pytest.mark.parametrize(
    ("url", "good"),
    [
        ("https://files.slack.com/upload/v1/abc", True),
        ("https://files.slack.com:443/upload/v1/abc", True),
        ("https://proxy.example/slack/upload", True),
        ("http://files.slack.com/upload/v1/abc", False),
        ("https://files.slack.com:8443/upload", False),
        ("https://files.slack.com.evil.example/upload", False),
        ("https://evil.example/files.slack.com", False),
        ("https://files.slack.com@evil.example/", False),
        ("https://me:secret@files.slack.com/", False),
        ("http://proxy.example/slack/upload", False),
        ("https://proxy.example:99999/", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_an_address_is_slacks_or_the_apis(url: str, good: bool) -> None:  # noqa: FBT001 - a case
    assert _is_slacks(url, "https://proxy.example/slack/api/") is good


async def test_whoever_lost_the_duty_meanwhile_shows_nothing(kit: Kit) -> None:
    def lost() -> None:
        raise StaleLeaseError("slack")

    with pytest.raises(StaleLeaseError):
        await kit.attach(still=lost)
    assert kit.shown == []
    assert kit.asked(METHODS[2]) == 0


async def test_an_address_takes_bytes_once_and_as_many_as_were_announced(kit: Kit) -> None:
    web = kit.chat._web
    ticket = await web.client(again=True).files_getUploadURLExternal(filename="a", length=3)
    with pytest.raises(PermanentError, match="400"):
        await web.put(ticket["upload_url"], b"four")
    complete = web.client(again=False).files_completeUploadExternal
    ending = {"files": [{"id": ticket["file_id"]}], "channel_id": "C1"}
    with pytest.raises(PermanentError, match="file_not_found"):
        await web.read(complete(**ending))
    await web.put(ticket["upload_url"], b"abc")
    with pytest.raises(PermanentError, match="404"):
        await web.put(ticket["upload_url"], b"abc")
    await web.read(complete(**ending))
    with pytest.raises(PermanentError, match="file_not_found"):
        await web.read(complete(**ending))
    assert kit.sim.uploads.waiting == {}


async def test_what_is_no_file_or_goes_nowhere_is_refused(kit: Kit) -> None:
    with pytest.raises(PermanentError, match="invalid_arguments"):
        await kit.chat.attach("C1", kit.thread, NAME, b"", "nothing")
    with pytest.raises(MissingError, match="thread_not_found"):
        await kit.chat.attach("C1", "1.1", NAME, PNG, "nowhere")
    await kit.attach("x" * 3000)
    [message] = kit.sim.space.replies("C1", kit.thread)
    assert len(message.files[0].alt) == 1000
