"""Questions to previews: who is asked, at which address, and what of an answer is believed."""

import gzip
import os
import socket
from collections.abc import AsyncIterator

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from bot.errors import PermanentError, TemporaryError
from integrations.addresses import refusal
from integrations.previews import PreviewChecks
from integrations.previews.client import MOST
from integrations.simulated.preview import Page, SimulatedPreview
from integrations.simulated.server import Fault
from tests.patience import PATIENT
from tests.virtual import VirtualClock

NAME = "payments-preview.production.svc"
HERE = "127.0.0.1"


class Names(AbstractResolver):
    """A name server. Several answers for a name: each is given once, the last from then on."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self.answers = {NAME: [[HERE]], **answers}
        self.asked: list[str] = []

    async def resolve(
        self,
        host: str,
        port: int = 0,
        family: socket.AddressFamily = socket.AF_INET,  # noqa: ARG002 - its name is aiohttp's
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answers = self.answers[host]
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        kind = {True: socket.AF_INET6, False: socket.AF_INET}
        return [
            ResolveResult(
                hostname=host,
                host=one,
                port=port,
                family=kind[":" in one],
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for one in found
        ]

    async def close(self) -> None:
        pass


@pytest.fixture
async def preview() -> AsyncIterator[SimulatedPreview]:
    clock = VirtualClock()
    made = SimulatedPreview(clock.now, clock.sleep)
    await made.start()
    made.shows("/health", Page("all is ok"))
    yield made
    await made.stop()


@pytest.fixture
def names() -> Names:
    return Names()


@pytest.fixture
def checks(names: Names) -> PreviewChecks:
    return PreviewChecks(seconds=PATIENT, resolver=names)


def at(preview: SimulatedPreview, host: str = HERE, path: str = "/health") -> str:
    return preview.url.replace(HERE, host) + path


async def test_a_host_that_is_listed_is_asked(
    preview: SimulatedPreview, checks: PreviewChecks
) -> None:
    answer = await checks.ask("GET", at(preview, NAME), (NAME,))
    assert (answer.status, answer.body) == (200, "all is ok")
    assert 0 <= answer.milliseconds < 1000
    assert (await checks.ask("HEAD", at(preview), (HERE,))).body == ""
    assert [entry.method for entry in preview.journal] == ["GET", "HEAD"]


async def test_time_is_that_of_the_whole_answer(
    preview: SimulatedPreview, checks: PreviewChecks
) -> None:
    preview.shows("/health", Page(seconds=0.2))
    assert (await checks.ask("GET", at(preview), (HERE,))).milliseconds >= 200


async def test_a_redirect_is_not_followed(preview: SimulatedPreview, checks: PreviewChecks) -> None:
    preview.shows("/health", Page(status=302, headers={"Location": "/admin"}))
    assert (await checks.ask("GET", at(preview), (HERE,))).status == 302
    assert list(preview.asked) == ["/health"]


@pytest.mark.parametrize(
    "hosts", [(), ("localhost",), ("*.preview.example.com",), (f"*.{NAME}",), ("127.0.0.2",)]
)
async def test_a_host_that_is_not_listed_is_not_asked(
    preview: SimulatedPreview, checks: PreviewChecks, names: Names, hosts: tuple[str, ...]
) -> None:
    for host in (HERE, NAME):
        with pytest.raises(PermanentError, match=f"was not asked: {host} is not among the policy"):
            await checks.ask("GET", at(preview, host), hosts)
    assert names.asked == []
    assert preview.journal == []


@pytest.mark.parametrize(
    "url", ["http://127.1:{}/", "http://2130706433:{}/", "http://{}@127.0.0.1/", "file:///etc/{}"]
)
async def test_odd_addresses_are_not_asked(
    preview: SimulatedPreview, checks: PreviewChecks, url: str
) -> None:
    with pytest.raises(PermanentError, match="is not among the policy's smoke_hosts"):
        await checks.ask("GET", url.format(1), ("127.1", "2130706433", NAME))
    assert preview.journal == []


async def test_this_machine_is_asked_by_its_listed_name_only(
    preview: SimulatedPreview, checks: PreviewChecks
) -> None:
    with pytest.raises(PermanentError, match=f"{NAME} leads to {HERE}, which is this machine's"):
        await checks.ask("GET", at(preview, NAME), ("*.production.svc",))
    assert preview.journal == []


ODD = [
    "169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%eth0", "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "::a9fe:a9fe", "fd00:ec2::254", "100.100.100.200",
    "168.63.129.16", "0.0.0.0", "::",  # noqa: S104 - nobody listens there
    "224.0.0.1", "ff02::1", "255.255.255.255",
]  # fmt: skip


@pytest.mark.parametrize("address", ODD)
async def test_a_name_never_leads_where_credentials_are(
    preview: SimulatedPreview, names: Names, checks: PreviewChecks, address: str
) -> None:
    names.answers[NAME] = [["10.0.0.7", address]]
    with pytest.raises(PermanentError, match=r"was not asked: .* leads to"):
        await checks.ask("GET", at(preview, NAME), (NAME,))
    assert refusal(address, listed=True)


async def test_an_address_that_is_listed_is_judged_all_the_same(checks: PreviewChecks) -> None:
    with pytest.raises(PermanentError, match="which is link-local, where clouds keep credentials"):
        await checks.ask("GET", "http://169.254.169.254/latest/meta-data", ("169.254.169.254",))
    with pytest.raises(PermanentError, match="which is link-local"):
        await checks.ask("GET", "http://[::ffff:a9fe:a9fe]/", ("::ffff:a9fe:a9fe",))


@pytest.mark.parametrize("address", ["10.0.0.7", "192.168.1.1", "203.0.113.9", "fd12::7"])
def test_what_is_inside_the_network_may_be_asked(address: str) -> None:
    assert refusal(address, listed=False) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_this_machine_in_all_its_spellings(address: str) -> None:
    assert refusal(address, listed=True) is None
    assert refusal(address, listed=False)


async def test_a_name_is_looked_up_once_and_what_was_judged_is_connected_to(
    preview: SimulatedPreview, names: Names, checks: PreviewChecks
) -> None:
    names.answers[NAME] = [[HERE], ["169.254.169.254"]]
    assert (await checks.ask("GET", at(preview, NAME), (NAME,))).status == 200
    assert names.asked == [NAME]
    with pytest.raises(PermanentError, match="leads to 169"):
        await checks.ask("GET", at(preview, NAME), (NAME,))
    assert len(preview.journal) == 1


@pytest.fixture
async def proxied(preview: SimulatedPreview) -> AsyncIterator[SimulatedPreview]:
    """The environment names a proxy: the preview itself, under another path."""
    before = dict(os.environ)
    os.environ |= {"http_proxy": preview.url, "HTTP_PROXY": preview.url, "no_proxy": ""}
    yield preview
    os.environ.clear()
    os.environ.update(before)


async def test_a_proxy_of_the_environment_is_not_used(
    proxied: SimulatedPreview, names: Names, checks: PreviewChecks
) -> None:
    await checks.ask("GET", at(proxied, NAME), (NAME,))
    assert names.asked == [NAME]
    assert [entry.path for entry in proxied.journal] == ["/health"]


async def test_a_body_is_read_to_its_limit(
    preview: SimulatedPreview, checks: PreviewChecks
) -> None:
    preview.shows("/health", Page(b"x" * MOST), Page(b"x" * (MOST + 1)))
    assert (await checks.ask("GET", at(preview), (HERE,))).body == "x" * MOST
    assert (await checks.ask("GET", at(preview), (HERE,))).body is None


async def test_a_body_does_not_grow_when_it_is_read(
    preview: SimulatedPreview, checks: PreviewChecks
) -> None:
    small = gzip.compress(b"x" * (8 * MOST))
    preview.shows("/health", Page(small, headers={"Content-Encoding": "gzip"}))
    answer = await checks.ask("GET", at(preview), (HERE,))
    assert answer.body == small.decode("utf-8", "replace")


async def test_a_body_in_an_odd_encoding_is_read_all_the_same(
    preview: SimulatedPreview, checks: PreviewChecks
) -> None:
    preview.shows("/health", Page(b"ok \xff", headers={"Content-Type": "text/plain; charset=zip"}))
    assert (await checks.ask("GET", at(preview), (HERE,))).body == "ok \ufffd"


@pytest.fixture
def short(names: Names) -> PreviewChecks:
    return PreviewChecks(seconds=0.2, resolver=names)


async def test_silence_is_said(preview: SimulatedPreview, short: PreviewChecks) -> None:
    preview.shows("/health", Page(seconds=2.0))
    with pytest.raises(TemporaryError, match=r"gave no answer for 0\.2 s"):
        await short.ask("GET", at(preview), (HERE,))
    # The client asks once more by itself where a connection was dropped.
    preview.fail(Fault("drop_before", times=2))
    preview.shows("/health", Page())
    with pytest.raises(TemporaryError, match="the connection failed"):
        await short.ask("GET", at(preview), (HERE,))
    await preview.stop()
    with pytest.raises(TemporaryError, match="the connection failed"):
        await short.ask("GET", at(preview), (HERE,))
