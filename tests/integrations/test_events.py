"""Sinks of the kind http, with a real receiver: what it gets, what its answers mean."""

import asyncio
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bot.domain.events import PlatformEvent, event_of
from bot.domain.lifecycle import State
from bot.domain.sinks import HttpSink
from bot.errors import PermanentError, TemporaryError
from bot.settings import secret_named
from integrations.catalog_file import CatalogError, parse_catalog
from integrations.events import Sinks
from integrations.events.envelope import signature
from integrations.simulated.server import Fault, FaultKind
from integrations.simulated.sink import SimulatedSink
from tests.domain.facts import catalog
from tests.patience import PATIENT
from tests.tester import CATALOG
from tests.views.releases import release
from tests.virtual import VirtualClock

KEYS = {"PLATFORM_KEY": "a key", "WRONG_KEY": "another"}
EVENT: PlatformEvent = event_of("DeploymentStartedEvent", release(State.RUNNING), catalog())


@pytest.fixture
async def receiver() -> AsyncIterator[SimulatedSink]:
    clock = VirtualClock()
    made = SimulatedSink(clock.now, clock.sleep, key="a key")
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def sinks() -> AsyncIterator[Sinks]:
    made = Sinks(KEYS.get, seconds=PATIENT)
    yield made
    await made.close()


def sink(receiver: SimulatedSink, **changes: str) -> HttpSink:
    base = {"url": f"{receiver.url}/hook?team=7", "secret": "PLATFORM_KEY"}
    return HttpSink.model_validate(base | changes)


async def test_structured_puts_everything_into_the_body(
    receiver: SimulatedSink, sinks: Sinks
) -> None:
    await sinks.send(sink(receiver), EVENT, "payments")
    [entry] = receiver.journal
    assert entry.path == "/hook?team=7"
    assert json.loads(entry.body) == {
        "specversion": "1.0",
        "id": EVENT.id,
        "source": "/release-bot/quantivista",
        "type": "DeploymentStartedEvent",
        "subject": "payments",
        "time": "2026-03-04T16:35:00Z",
        "datacontenttype": "application/json",
        "dataschema": "urn:release-bot:events:DeploymentStartedEvent:1",
        "data": EVENT.data,
    }
    [got] = receiver.received
    assert got.headers["content-type"] == "application/cloudevents+json"
    assert got.mode == "structured"


async def test_binary_puts_the_attributes_into_headers(
    receiver: SimulatedSink, sinks: Sinks
) -> None:
    await sinks.send(sink(receiver, mode="binary"), EVENT, "payments")
    assert json.loads(receiver.journal[0].body) == EVENT.data
    [got] = receiver.received
    assert {name: value for name, value in got.headers.items() if name.startswith("ce-")} == {
        "ce-specversion": "1.0",
        "ce-id": EVENT.id,
        "ce-source": "/release-bot/quantivista",
        "ce-type": "DeploymentStartedEvent",
        "ce-subject": "payments",
        "ce-time": "2026-03-04T16:35:00Z",
        "ce-dataschema": "urn:release-bot:events:DeploymentStartedEvent:1",
    }
    assert got.headers["content-type"] == "application/json"
    assert got.mode == "binary"


@pytest.mark.parametrize("mode", ["structured", "binary"])
async def test_the_exact_body_is_signed_and_a_repeat_is_known_by_its_key(
    receiver: SimulatedSink, sinks: Sinks, mode: str
) -> None:
    for _ in range(2):
        await sinks.send(sink(receiver, mode=mode), EVENT, "payments")
    [got] = receiver.received
    body = receiver.journal[0].body
    right = hmac.new(b"a key", body, hashlib.sha256).hexdigest()
    assert got.headers["x-release-bot-signature-256"] == f"sha256={right}"
    assert got.headers["idempotency-key"] == EVENT.id
    assert receiver.times[EVENT.id] == 2
    assert body == receiver.journal[1].body


def test_the_signature_is_the_one_that_everybody_computes() -> None:
    # RFC 4231, test case 2.
    assert signature(b"what do ya want for nothing?", "Jefe") == (
        "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


async def test_a_receiver_with_another_key_refuses(receiver: SimulatedSink, sinks: Sinks) -> None:
    with pytest.raises(PermanentError, match="it answered 401"):
        await sinks.send(sink(receiver, secret="WRONG_KEY"), EVENT, "payments")
    assert (receiver.refused, receiver.received) == (1, [])


async def test_nothing_is_ever_sent_unsigned(receiver: SimulatedSink, sinks: Sinks) -> None:
    with pytest.raises(TemporaryError, match="NO_KEY is not set, so nothing can be signed"):
        await sinks.send(sink(receiver, secret="NO_KEY"), EVENT, "payments")
    assert receiver.journal == []


def answers(receiver: SimulatedSink, status: int) -> None:
    receiver.fail(Fault("status", status=status, headers={"Location": "http://127.0.0.1:9/"}))


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_2xx_is_delivered(receiver: SimulatedSink, sinks: Sinks, status: int) -> None:
    answers(receiver, status)
    await sinks.send(sink(receiver), EVENT, "payments")
    assert receiver.journal[0].status == status


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
async def test_what_waiting_may_mend_is_temporary(
    receiver: SimulatedSink, sinks: Sinks, status: int
) -> None:
    answers(receiver, status)
    with pytest.raises(TemporaryError, match=f"it answered {status}$"):
        await sinks.send(sink(receiver), EVENT, "payments")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
async def test_other_refusals_are_for_good(
    receiver: SimulatedSink, sinks: Sinks, status: int
) -> None:
    answers(receiver, status)
    with pytest.raises(PermanentError, match=f"it answered {status}$"):
        await sinks.send(sink(receiver), EVENT, "payments")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_told_and_never_followed(
    receiver: SimulatedSink, sinks: Sinks, status: int
) -> None:
    inner = f"{receiver.url}/inner"
    receiver.fail(Fault("status", path="/hook", status=status, headers={"Location": inner}))
    with pytest.raises(TemporaryError, match=f"{status}, a redirect, which is not followed"):
        await sinks.send(sink(receiver), EVENT, "payments")
    assert [entry.path for entry in receiver.journal] == ["/hook?team=7"]


@pytest.mark.parametrize(("kind", "came"), [("hang", 0), ("drop_before", 0), ("drop_after", 1)])
async def test_no_answer_is_temporary_and_unknown(
    receiver: SimulatedSink, kind: FaultKind, came: int
) -> None:
    hangs = kind == "hang"
    receiver.fail(Fault(kind, seconds=1.0 if hangs else 0.0))
    words = "no answer for 0.3 s" if hangs else "the connection failed"
    sinks = Sinks(KEYS.get, seconds=0.3 if hangs else PATIENT)
    with pytest.raises(TemporaryError, match=words) as caught:
        await sinks.send(sink(receiver), EVENT, "payments")
    await sinks.close()
    assert caught.value.unknown
    assert len(receiver.received) == came


async def test_nobody_there_is_temporary(receiver: SimulatedSink, sinks: Sinks) -> None:
    there = sink(receiver)
    await receiver.stop()
    with pytest.raises(TemporaryError, match=r"the connection failed \(ClientConnectorError\)"):
        await sinks.send(there, EVENT, "payments")


@asynccontextmanager
async def talker() -> AsyncIterator[str]:
    """A server that says 200 and then talks without end."""

    async def talk(request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 65536)

    app = web.Application()
    app.add_routes([web.post("/", talk)])
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/"
    await runner.cleanup()


async def test_what_a_sink_says_is_not_read_to_its_end(sinks: Sinks) -> None:
    began = time.monotonic()
    async with asyncio.timeout(60), talker() as url:
        await sinks.send(HttpSink(url=url, secret="PLATFORM_KEY"), EVENT, "payments")
        assert time.monotonic() - began < 0.3


async def test_no_proxy_of_the_environment_is_used(
    receiver: SimulatedSink, sinks: Sinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await sinks.send(sink(receiver), EVENT, "payments")
    assert len(receiver.received) == 1


def test_the_doctor_tells_which_key_is_missing() -> None:
    found = Sinks(KEYS.get).check(
        {
            "platform": HttpSink(url="https://events.example.com", secret="PLATFORM_KEY"),
            "audit": HttpSink(url="https://audit.example.com", secret="AUDIT_KEY"),
        }
    )
    assert [(f.subject, f.good, f.sentence) for f in found] == [
        ("Sink platform", True, "Signs with PLATFORM_KEY."),
        ("Sink audit", False, "AUDIT_KEY is not set, so no event is sent to it."),
    ]
    assert found[1].remedy == "Set AUDIT_KEY or AUDIT_KEY_FILE to the key that it shares with us."


def test_a_key_comes_from_its_variable_or_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("PLATFORM_KEY", "PLATFORM_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert secret_named("PLATFORM_KEY") is None
    monkeypatch.setenv("PLATFORM_KEY_FILE", str(tmp_path / "gone"))
    assert secret_named("PLATFORM_KEY") is None
    (tmp_path / "key").write_text("from a file\n")
    monkeypatch.setenv("PLATFORM_KEY_FILE", str(tmp_path / "key"))
    assert secret_named("PLATFORM_KEY") == "from a file"
    monkeypatch.setenv("PLATFORM_KEY", "from the environment")
    assert secret_named("PLATFORM_KEY") == "from the environment"


WRONG = {
    "http to elsewhere": ("url: 'http://x.example.com/h', secret: K", "must begin with https://"),
    "no host": ("url: 'https:///h', secret: K", "is not an address such as https://events"),
    "no address": ("url: 'ftp://x.example.com', secret: K", "is not an address such as"),
    "a password": ("url: 'https://u:hush@x.example.com', secret: K", "no user, password or #part"),
    "the key itself": ("url: 'https://x.example.com', secret: s3cr3t", "names an environment"),
    "a mode": ("url: 'https://x.example.com', secret: K, mode: batch", "'batch' is not one of"),
    "no secret": ("url: 'https://x.example.com'", "events.sinks.platform.secret: it is missing"),
    "a key": ("url: 'https://x.example.com', secrets: K", "Did you mean secret?"),
}


@pytest.mark.parametrize("case", WRONG)
def test_catalog_check_finds_sinks_that_cannot_be_right(case: str) -> None:
    written, words = WRONG[case]
    text = f"{CATALOG}events:\n  sinks:\n    platform: {{{written}}}\n"
    with pytest.raises(CatalogError) as caught:
        parse_catalog(text, "c.yaml")
    assert words in str(caught.value)
    line = text.splitlines().index("    platform: {" + written + "}") + 1
    assert str(caught.value).startswith(f"c.yaml:{line}:")
    # What may be a secret is never repeated.
    assert "hush" not in str(caught.value)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1:80", "localhost", "[::1]:8080"])
def test_this_machine_may_be_told_by_http(host: str) -> None:
    text = f"{CATALOG}events: {{sinks: {{here: {{url: 'http://{host}/h', secret: K}}}}}}\n"
    assert parse_catalog(text).catalog.events.sinks["here"].mode == "structured"
