"""Masking: a planted secret never survives, whatever stands around it; plain words do."""

import json
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.domain.log_masking import LONGEST, masked
from bot.domain.masking import MASK

ALNUM = string.ascii_letters + string.digits
WORDS = st.sampled_from(
    ["error", "level=info", "connected to the database", "at Main.java:12", "{", '"', "-", "=", ";"]
)
AROUND = st.lists(WORDS, max_size=4).map(" ".join)
NAMES = st.sampled_from(
    [
        "password", "PASSWORD", "db_password", "dbPassword", "spring.datasource.password",
        "passwd", "DB_PWD", "secret", "clientSecret", "token", "access_token", "X-Auth-Token",
        "api_key", "apiKey", "API-KEY", "aws_secret_access_key", "private-key", "credentials",
        "passphrase", "session_id", "signature", "key", "secret_key_base",
    ]
)  # fmt: skip
SIGNS = "!#$%^*?_.~+-"


def chars(alphabet: str, least: int, most: int) -> st.SearchStrategy[str]:
    return st.text(st.sampled_from(alphabet), min_size=least, max_size=most)


SHORT = chars(ALNUM + SIGNS, 4, 24).filter(lambda text: text[0].isalnum())
PHRASES = st.lists(SHORT, min_size=1, max_size=3).map(" ".join)
RANDOM = chars(ALNUM, 28, 64).filter(
    lambda text: 4 <= sum(c.isdigit() for c in text) <= len(text) - 8
)
SHAPED = st.one_of(
    chars(string.ascii_uppercase + string.digits, 16, 16).map(lambda rest: f"AKIA{rest}"),
    chars(ALNUM, 36, 36).map(lambda rest: f"ghp_{rest}"),
    chars(ALNUM + "_", 40, 60).map(lambda rest: f"github_pat_{rest}"),
    chars(string.digits, 11, 12).map(lambda rest: f"xoxb-{rest}-{rest}-abcdef"),
    chars(ALNUM + "-_", 20, 40).map(lambda rest: f"eyJhbGciOi{rest}.{rest}.{rest}"),
    chars(ALNUM, 24, 40).map(lambda rest: f"sk_live_{rest}"),
    chars("0123456789abcdef", 40, 64).filter(
        lambda text: 4 <= sum(c.isdigit() for c in text) <= len(text) - 4
    ),
)


def gone(secret: str, said: str) -> bool:
    """Whether no piece of it is left that is long enough to be of use."""
    pieces = {secret[at : at + 12] for at in range(max(1, len(secret) - 11))}
    return not any(piece in said for piece in pieces)


@given(AROUND, NAMES, st.sampled_from(["=", ":=", ": ", " = ", " => ", "=>"]), SHORT, AROUND)
def test_what_is_named_as_a_secret(
    before: str, name: str, sign: str, secret: str, after: str
) -> None:
    said = masked(f"{before} {name}{sign}{secret} {after}")
    assert f"{sign.strip()}{secret}" not in said.replace(" ", "")
    assert MASK in said


@given(AROUND, NAMES, st.sampled_from("\"'"), PHRASES, AROUND)
def test_what_is_named_and_quoted_may_have_blanks(
    before: str, name: str, quote: str, secret: str, after: str
) -> None:
    said = masked(f"{before} {name}={quote}{secret}{quote} {after}")
    assert f"{quote}{secret}" not in said
    if len(secret) >= 12:
        assert gone(secret, said)


@given(NAMES, PHRASES, st.booleans())
def test_in_json_and_in_json_within_json(name: str, secret: str, nested: bool) -> None:  # noqa: FBT001 - Hypothesis
    text = json.dumps({"level": "info", name: secret, "zone": "eu"})
    said = masked(json.dumps({"message": text}) if nested else text)
    assert f'"{secret}' not in said
    assert MASK in said
    assert masked(f'{{"{name}": {{"value": "{secret}"}}}}').endswith(MASK)


@example("", "0000000000000a23575158707178a000000000aa", "")
@example("", "4111 1111 1111 1111/8f3a9c1b2d4e5f60", "")
@example("", "8f3a9c1b2d4e5f60=4111 1111 1111 1111", "")
@example("", "8f3a9c1b2d4e5f60/DE89 3704 0044 0532 0130 00", "")
@given(AROUND, st.one_of(SHAPED, RANDOM), AROUND)
def test_shapes_and_randomness_need_no_name(before: str, secret: str, after: str) -> None:
    assert gone(secret, masked(f"{before} {secret} {after}"))
    assert gone(secret, masked(f"{before} x='{secret}', {after}"))
    assert gone(secret, masked(f"{before} https://host/hook?q={secret} {after}"))


@given(st.sampled_from(["postgres", "amqp", "https", "redis"]), SHORT, SHORT)
def test_addresses_with_credentials(scheme: str, user: str, secret: str) -> None:
    said = masked(f"dial {scheme}://{user}:{secret}@db.internal:5432/shop failed")
    assert said == f"dial {scheme}://{MASK}@db.internal:5432/shop failed"


@given(st.sampled_from(["Authorization", "Cookie", "Set-Cookie", "X-Api-Token"]), PHRASES)
def test_headers_to_their_end(name: str, secret: str) -> None:
    assert masked(f"> {name}: Bearer {secret}") == f"> {name}: {MASK}"
    assert masked(f"Sent Bearer {secret.replace(' ', '')}xx") == f"Sent Bearer {MASK}"


@given(st.integers(0, 5), st.integers(0, 5), st.booleans(), st.booleans())
def test_key_blocks_from_wherever_they_begin(
    before: int,
    after: int,
    begins: bool,  # noqa: FBT001 - Hypothesis
    ends: bool,  # noqa: FBT001 - Hypothesis
) -> None:
    body = "MIIEpAIBAAKCAQEA\nabcdefgh\nzz"
    block = [
        *(["-----BEGIN RSA PRIVATE KEY-----"] if begins or not ends else []),
        body,
        *(["-----END RSA PRIVATE KEY-----"] if ends else []),
    ]
    said = masked("\n".join([*["line"] * before, *block, *["line"] * after]))
    assert "abcdefgh" not in said
    assert "zz" not in said


@pytest.mark.parametrize(
    "text",
    [
        "bob.builder+x@example.co.uk", "bob%40example.com", "4111 1111 1111 1111",
        "5500-0000-0000-0004", "DE89 3704 0044 0532 0130 00", "GB29NWBK60161331926819",
    ],
)  # fmt: skip
def test_personal_data(text: str) -> None:
    assert masked(f"for {text}, sent") == f"for {MASK}, sent"


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-26T05:23:53.123456Z INFO listening on 0.0.0.0:8080 pid=1234567",
        "  at org.springframework.boot.web.TomcatWebServer.start(TomcatWebServer.java:123)",
        '  File "/usr/local/lib/python3.14/site-packages/aiohttp/client.py", line 12, in get',
        "KeyError: 'settings'", "author: ana", "monkey: patched", "took 1700000000123 ms",
        "ConnectionRefusedError: [Errno 111] Connect call failed ('10.0.0.1', 5432)",
        "panic: runtime error: invalid memory address or nil pointer dereference",
    ],
)  # fmt: skip
def test_what_helps_stays(line: str) -> None:
    assert masked(line) == line


def test_what_the_eye_does_not_see_hides_nothing() -> None:
    assert masked("pass\u200bword=hunter2") == f"password={MASK}"
    assert masked("\x1b[31mpass\x1b[0mword=hunter2\x07") == f"password={MASK}"
    assert masked("a\tb\r\nc\x00d\u202e") == "a    b\ncd"


def test_a_line_is_cut_at_a_blank_so_that_no_half_of_a_secret_is_left() -> None:
    said = masked("word " * (LONGEST // 5 - 1) + "half-a-word " + "more " * 9)
    assert said.endswith("word …")
    assert len(said) <= LONGEST + 2


@given(st.text(max_size=300))
def test_any_text_at_all(text: str) -> None:
    said = masked(text)
    assert not [c for c in said if c != "\n" and ord(c) < 32]
    assert masked(said) == said or MASK in said


@pytest.mark.parametrize(
    "piece", ["a", "a_", "token", "password=", '"', "\\", "-", " -a", "1 ", "x://", "eyJ", "key:"]
)
def test_no_line_takes_long(piece: str) -> None:
    # What would be worse than linear takes minutes, and the suite's own limit ends it.
    assert masked("\n".join([piece * (LONGEST // len(piece))] * 20)).count("\n") == 19
