"""What is no good as evidence: bad tokens, bad reports, bad addresses. A clear refusal, a log line,
nothing stored."""

import asyncio
import base64
import gzip
import json
from typing import Any

import aiohttp
import jwt
import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa

from bot.domain.reasons import Reason
from integrations.evidence.reading import LARGEST
from integrations.evidence.taking.oidc import Patience
from integrations.simulated.issuer import SimulatedIssuer
from integrations.simulated.server import Fault
from tests.integrations.evidence import reports
from tests.scenarios.conftest import Given
from tests.scenarios.submitting import (
    TOKEN,
    WORKFLOW,
    Answer,
    Sender,
    finding,
    sarif,
    with_sources,
)
from tests.tester import REPO

CLEAN = sarif()
STRANGE = rsa.generate_private_key(public_exponent=65537, key_size=2048)


async def refused(sender: Sender, answer: Answer, status: int, reason: Reason, *words: str) -> None:
    """It was refused so, in one sentence with these words in it, and nothing is stored."""
    assert answer.refusal == (status, reason.value), answer.body
    assert answer.body.keys() == {"error", "reason"}
    sentence = answer.body["error"]
    assert sentence[0].isupper() or sentence.startswith("payments")
    assert sentence.endswith(".")
    assert [word for word in words if word not in sentence] == []
    assert await sender.rows() == (0, 0, 0)
    assert not [tag for tag, _ in await sender.record() if tag == "sender:evidence:taken"]


# Tokens.


def unsigned(claims: dict[str, Any]) -> str:
    def part(data: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(data).encode()).rstrip(b"=").decode()

    return f"{part({'alg': 'none', 'typ': 'JWT', 'kid': 'key-1'})}.{part(claims)}."


async def test_no_token(sender: Sender) -> None:
    for header in ("", "Basic dXNlcjpwYXNz", "Bearer", "Bearer "):
        answer = await sender.submits(CLEAN, headers={"Authorization": header})
        await refused(sender, answer, 401, Reason.EVIDENCE_TOKEN_MISSING, "Authorization: Bearer")


async def test_an_expired_token(sender: Sender) -> None:
    answer = await sender.submits(CLEAN, token=sender.token(iat=1, nbf=1, exp=1_700_000_000))
    await refused(sender, answer, 401, Reason.EVIDENCE_TOKEN_EXPIRED, "expired")


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"aud": "https://github.com/quantivista"}, ("audience", '"release-bot"')),
        ({"aud": ["release-bot", "others"]}, ("audience",)),
        ({"aud": None}, ("no aud",)),
        ({"iss": "https://issuer.example.com"}, ("not issued by",)),
        ({"iss": None}, ("no iss",)),
        ({"exp": None}, ("no exp",)),
        ({"iat": None}, ("no iat",)),
        ({"nbf": 4_000_000_000}, ("not good yet",)),
        ({"iat": 4_000_000_000}, ("not good yet",)),
        ({"exp": "soon"}, ("can't be read",)),
        ({"sha": None}, ("no good sha",)),
        ({"repository_id": None}, ("no good repository_id",)),
        ({"job_workflow_ref": ["a"]}, ("no good job_workflow_ref",)),
    ],
)
async def test_claims_of_the_standard(
    sender: Sender, claims: dict[str, Any], words: tuple[str, ...]
) -> None:
    answer = await sender.submits(CLEAN, token=sender.token(**claims))
    await refused(sender, answer, 401, Reason.EVIDENCE_TOKEN_INVALID, *words)


async def test_keys_and_algorithms(sender: Sender) -> None:
    good = sender.issuer
    claims = sender.claims()
    whole = jwt.decode(sender.token(), options={"verify_signature": False})
    published = good._keys["key-1"].public_key().public_numbers().n.to_bytes(256, "big")
    bad = {
        "another key under the same name": good.token(key=STRANGE, **claims),
        "a key that is not published": good.token(kid="key-9", **claims),
        "no key named": jwt.encode(whole, good._keys["key-1"], algorithm="RS256"),
        "alg none": unsigned(whole),
        "alg none, signed by nobody": f"{unsigned(whole)}AAAA",
        "the public key taken for a shared one": jwt.encode(
            whole, published, algorithm="HS256", headers={"kid": "key-1"}
        ),
        "another algorithm": jwt.encode(
            whole, good._keys["key-1"], algorithm="RS512", headers={"kid": "key-1"}
        ),
        "a key of its own in the header": good.token(
            key=STRANGE, header={"jwk": {"kty": "RSA"}, "jku": good.url}, **claims
        ),
        "a changed payload": changed(sender.token()),
        "no JSON": "eyJ.eyJ.eyJ",
    }
    for what, token in bad.items():
        answer = await sender.submits(CLEAN, token=token)
        assert answer.refusal == (401, "evidence_token_invalid"), what
    assert await sender.rows() == (0, 0, 0)


def changed(token: str) -> str:
    head, _, sign = token.split(".")
    other = base64.urlsafe_b64encode(b'{"iss":"x"}').rstrip(b"=").decode()
    return f"{head}.{other}.{sign}"


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"repository_id": "4712"}, ("repository_id 4712", "repository_id 4711")),
        ({"repository": "quantivista/other"}, ("quantivista/other",)),
        (
            {"job_workflow_ref": f"{REPO}/.github/workflows/evil.yml@refs/tags/v2.1.0"},
            ("evil.yml", "evidence.workflows"),
        ),
        ({"job_workflow_ref": f"{WORKFLOW}@refs/heads/feature"}, ("refs/heads/feature",)),
        ({"job_workflow_ref": f"{WORKFLOW}@refs/tags/a/b"}, ("refs/tags/a/b",)),
        ({"job_workflow_ref": f"x{WORKFLOW}@refs/tags/v2.1.0"}, ("evidence.workflows",)),
        ({"ref": "refs/pull/7/merge"}, ("refs/pull/7/merge", "evidence.refs")),
    ],
)
async def test_runs_that_the_catalogue_does_not_name(
    sender: Sender, claims: dict[str, Any], words: tuple[str, ...]
) -> None:
    answer = await sender.submits(CLEAN, token=sender.token(**claims))
    await refused(sender, answer, 403, Reason.EVIDENCE_SENDER_REFUSED, *words)
    assert await sender.record() == []


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"sha": "f" * 40}, ("v2.1.0", "f" * 12)),
        ({"ref": "refs/tags/orders/v2.1.0"}, ("orders/v2.1.0",)),
    ],
)
async def test_a_run_that_was_not_at_the_version(
    sender: Sender, claims: dict[str, Any], words: tuple[str, ...]
) -> None:
    answer = await sender.submits(CLEAN, token=sender.token(**claims))
    await refused(sender, answer, 409, Reason.EVIDENCE_OTHER_COMMIT, *words)


async def test_names_that_are_not_there(sender: Sender) -> None:
    answer = await sender.submits(CLEAN, version="9.9.9")
    await refused(sender, answer, 404, Reason.EVIDENCE_NO_SUBJECT, "9.9.9", "Push the tag")
    answer = await sender.submits(CLEAN, service="tradng")
    await refused(sender, answer, 404, Reason.EVIDENCE_NO_SUBJECT, '"tradng"')


async def test_service_tokens(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    for service, token in (("payments", "x" * 30), ("orders", TOKEN), ("nothing", TOKEN)):
        answer = await sender.submits(CLEAN, service=service, token=token)
        await refused(sender, answer, 401, Reason.EVIDENCE_TOKEN_INVALID, "none of this service's")
    monkeypatch.setenv("PAYMENTS_EVIDENCE_TOKEN", "short")
    answer = await sender.submits(CLEAN, token="short")
    await refused(sender, answer, 401, Reason.EVIDENCE_TOKEN_INVALID)
    monkeypatch.delenv("PAYMENTS_EVIDENCE_TOKEN")
    answer = await sender.submits(CLEAN, token=TOKEN)
    await refused(sender, answer, 401, Reason.EVIDENCE_TOKEN_INVALID)


# The issuer.


async def test_a_rotated_key_is_found_and_a_withdrawn_one_is_not(sender: Sender) -> None:
    assert (await sender.submits(CLEAN)).status == 201
    old = sender.token()
    tokens = sender.bot.app.evidence.tokens
    tokens.patience = Patience(cool=0.0)
    sender.issuer.rotate()
    assert (await sender.submits(sarif(finding("a")))).status == 201
    assert (await sender.submits(sarif(finding("b")), token=old)).status == 201
    sender.issuer.withdraw("key-1")
    tokens.patience = Patience(fresh=-1.0)
    answer = await sender.submits(sarif(finding("c")), token=old)
    assert answer.refusal == (401, "evidence_token_invalid")


async def test_unknown_keys_do_not_make_the_bot_ask_again_and_again(sender: Sender) -> None:
    await sender.submits(CLEAN)
    for number in range(5):
        token = sender.issuer.token(kid=f"made-up-{number}", **sender.claims())
        assert (await sender.submits(CLEAN, token=token)).status == 401
    asked = [one for one in sender.issuer.journal if one.path.endswith("/jwks")]
    assert len(asked) == 1


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", "jwks", times=None, status=500),
        Fault("status", "jwks", times=None, status=200, body={"keys": []}),
        Fault("status", "jwks", times=None, status=302, headers={"Location": "/elsewhere"}),
        Fault("drop_before", "jwks", times=None),
    ],
)
async def test_while_the_issuer_is_away_nothing_is_lost(sender: Sender, fault: Fault) -> None:
    sender.issuer.fail(fault)
    answer = await sender.submits(CLEAN)
    await refused(sender, answer, 503, Reason.EVIDENCE_UNAVAILABLE, "issuer", "Send it again")
    sender.issuer.heal()
    assert (await sender.submits(CLEAN)).status == 201


async def test_known_keys_outlive_an_issuer_that_is_away(sender: Sender) -> None:
    assert (await sender.submits(CLEAN)).status == 201
    tokens = sender.bot.app.evidence.tokens
    tokens.patience = Patience(fresh=-1.0)
    sender.issuer.fail(Fault("status", "jwks", times=None, status=500))
    assert (await sender.submits(sarif(finding("a")))).status == 201
    tokens.patience = Patience(fresh=-1.0, stale=-1.0)
    assert (await sender.submits(sarif(finding("b")))).status == 503


async def test_while_github_is_away_nothing_is_lost(sender: Sender) -> None:
    sender.world.github.fail(Fault("status", "/git/ref", times=None, status=502))
    answer = await sender.submits(CLEAN)
    await refused(sender, answer, 503, Reason.EVIDENCE_UNAVAILABLE, "GitHub")
    sender.world.github.heal()
    assert (await sender.submits(CLEAN)).status == 201


# Reports.


def broken() -> dict[str, tuple[bytes, int, Reason]]:
    unreadable, large = Reason.EVIDENCE_UNREADABLE, Reason.EVIDENCE_TOO_LARGE
    many = sarif(*(finding(f"r{n}") for n in range(1500)))
    bomb = b'<!DOCTYPE a [<!ENTITY x "xxxx"><!ENTITY y "&x;&x;&x;">]>'
    entities = b'<?xml version="1.0"?>' + bomb + b'<testsuite name="&y;"/>'
    return {
        "cut off": (CLEAN[:-9], 422, unreadable),
        "a large one cut off": (many[:-5], 422, unreadable),
        "nested": (b"[" * 500 + b"]" * 500, 413, large),
        "nested without end": (b"[" * 2_000_000, 413, large),
        "entities": (entities, 422, unreadable),
        "not text": (b"\x89PNG\r\n\x1a\n\x00\xff", 422, unreadable),
        "empty": (b"", 422, Reason.EVIDENCE_EMPTY),
        "an empty list": (b"[]", 422, Reason.EVIDENCE_EMPTY),
        "of no known format": (b'{"hello": "world"}', 422, Reason.EVIDENCE_UNKNOWN_FORMAT),
        "of a kind that it can't prove": (
            json.dumps(reports.GRYPE).encode(),
            422,
            Reason.EVIDENCE_WRONG_KIND,
        ),
    }


@pytest.mark.parametrize("what", broken())
async def test_bad_reports(sender: Sender, what: str) -> None:
    report, status, reason = broken()[what]
    with structlog.testing.capture_logs() as lines:
        answer = await sender.submits(report)
    await refused(sender, answer, status, reason)
    (line,) = [one for one in lines if one["event"] == "evidence_refused"]
    assert (line["reason"], line["service"]) == (reason.value, "payments")
    ((tag, data),) = await sender.record()
    assert (tag, data["reason"]) == ("bot:evidence:refused", reason.value)


async def test_a_mislabelled_report(sender: Sender) -> None:
    answer = await sender.submits(CLEAN, format="trivy")
    await refused(sender, answer, 422, Reason.EVIDENCE_MISLABELLED, "trivy", "sarif")


async def test_a_report_that_is_too_large_is_not_read(sender: Sender) -> None:
    answer = await sender.submits(b" " * (LARGEST + 1))
    await refused(sender, answer, 413, Reason.EVIDENCE_TOO_LARGE, "20 MB")


async def test_the_limit_holds_for_what_is_unpacked(sender: Sender) -> None:
    packed = gzip.compress(b" " * (LARGEST + 1))
    assert len(packed) < 2**16
    answer = await sender.submits(packed, headers={"Content-Encoding": "gzip"})
    await refused(sender, answer, 413, Reason.EVIDENCE_TOO_LARGE, "20 MB")


async def test_what_is_not_packed_as_it_says(sender: Sender) -> None:
    packed = gzip.compress(CLEAN)
    for report, encoding in (
        (CLEAN, "gzip"),
        (packed[:-9], "gzip"),
        (packed + b"more", "gzip"),
        (b"", "gzip"),
        (CLEAN, "compress"),
        (CLEAN, "br"),
        (CLEAN, "gzip, gzip"),
    ):
        answer = await sender.submits(report, headers={"Content-Encoding": encoding})
        await refused(sender, answer, 400, Reason.EVIDENCE_BAD_REQUEST, "gzip")


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"kind": "sats"}, ('"sats"', "sast")),
        ({"format": "sarfi"}, ('"sarfi"', "sarif")),
        ({"digest": "sha256:12"}, ("digest", "64")),
        ({"digest": f"sha512:{'0' * 64}"}, ("digest",)),
        ({"part": "x" * 81}, ("part",)),
        ({"part": "<!channel>"}, ("part",)),
        ({"url": "javascript:alert(1)"}, ("url",)),
        ({"kinds": "sast"}, ("parameter kinds",)),
        ({"<script>": "1"}, ("parameter ?script?",)),
    ],
)
async def test_parameters(sender: Sender, query: dict[str, str], words: tuple[str, ...]) -> None:
    answer = await sender.submits(CLEAN, **({"kind": "sast"} | query))
    await refused(sender, answer, 400, Reason.EVIDENCE_BAD_REQUEST, *words)


async def test_no_kind(sender: Sender) -> None:
    answer = await sender.submits(CLEAN, None)
    await refused(sender, answer, 400, Reason.EVIDENCE_BAD_REQUEST, "?kind=", "container")


async def test_more_than_can_be_held_come_again(sender: Sender) -> None:
    sender.bot.app.evidence.most_held = 0
    answer = await sender.submits(CLEAN)
    await refused(sender, answer, 429, Reason.EVIDENCE_BUSY, "again")
    # It says nothing of the report, so it is not on the record.
    assert await sender.record() == []


async def test_a_sender_that_stops_in_the_middle_leaves_nothing(sender: Sender) -> None:
    host, port = sender.bot.app.url.removeprefix("http://").split(":")
    _, writer = await asyncio.open_connection(host, int(port))
    head = (
        f"POST /evidence/payments/2.1.0?kind=sast HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {sender.token()}\r\nContent-Length: 5000\r\n\r\n"
    )
    writer.write(head.encode() + CLEAN)
    await writer.drain()
    while not sender.bot.app.evidence.held:  # noqa: ASYNC110 - no bell
        await asyncio.sleep(0.01)
    writer.transport.abort()
    while sender.bot.app.evidence.held:  # noqa: ASYNC110 - likewise
        await asyncio.sleep(0.01)
    assert await sender.rows() == (0, 0, 0)


async def test_strangers_fill_neither_the_log_nor_the_record(sender: Sender) -> None:
    with structlog.testing.capture_logs() as lines:
        for _ in range(20):
            await sender.submits(CLEAN, token="nobody's")
    assert len([one for one in lines if one["event"] == "evidence_refused"]) == 1
    assert await sender.record() == []


async def test_no_token_is_logged(sender: Sender) -> None:
    tokens = [sender.token(), sender.token(aud="other"), TOKEN]
    with structlog.testing.capture_logs() as lines:
        for token in tokens:
            await sender.submits(CLEAN, token=token)
    text = json.dumps(lines, default=str)
    assert lines
    assert not [token for token in tokens if token in text]


async def test_the_route_is_there_without_any_source(bot: Any) -> None:
    """A catalogue that names nobody refuses everybody, in words."""
    async with aiohttp.ClientSession() as http:
        url = f"{bot.app.url}/evidence/payments/2.1.0?kind=sast"
        async with http.post(url, headers={"Authorization": f"Bearer {TOKEN}"}) as answer:
            assert answer.status == 401


async def test_an_issuer_that_the_catalogue_changes_to(given: Given, sender: Sender) -> None:
    other = SimulatedIssuer(sender.world.clock.real, sender.world.clock.sleep)
    await other.start()
    sender.bot.app.catalog = (await given(catalog=with_sources(other))).app.catalog
    answer = await sender.submits(CLEAN)
    assert answer.refusal == (401, "evidence_token_invalid")
    token = other.token(**sender.claims())
    assert (await sender.submits(CLEAN, token=token)).status == 201
    await other.stop()
