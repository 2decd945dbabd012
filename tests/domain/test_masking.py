"""Secrets go, names and words stay."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.masking import MASK, masked, one_line

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAK\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("key AKIAIOSFODNN7EXAMPLE found", f"key {MASK} found"),
        ("ghp_" + "a" * 36, MASK),
        ("github_pat_" + "1A_" * 20, MASK),
        ("glpat-abcdefghij_123456", MASK),
        ("xoxb-123456789012-abcdef", MASK),
        ("sk_live_abcdefghijk", MASK),
        ("jwt eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl ends", f"jwt {MASK} ends"),
        (f"{PEM} after", f"{MASK} after"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNz", MASK),
        ("at postgres://scott:tiger@db:5432/x", f"at postgres://{MASK}@db:5432/x"),
        ("Authorization: Bearer abcdefgh.ijk", f"Authorization: {MASK} {MASK}"),
        ("bearer abcdefgh.ijk", f"bearer {MASK}"),
        ("DB_PASSWORD=hunter2 and more", f"DB_PASSWORD={MASK} and more"),
        ('{"api_key": "a b c", "n": 1}', f'{{"api_key": {MASK}, "n": 1}}'),
        ("Possible hardcoded password: 'secret'", f"Possible hardcoded password: {MASK}"),
        ("clientSecret => abc", f"clientSecret => {MASK}"),
        ("pass\u200bword=abc", f"password={MASK}"),
        ("\x1b[31mtoken\x1b[0m=abc", f"token={MASK}"),
        ("q7Wm2ZpL9xTnB4vKc8RyHj3FsGd6AeQ1", MASK),
        (f"password: {MASK}", f"password: {MASK}"),
    ],
)
def test_secrets_go(text: str, kept: str) -> None:
    assert masked(text) == kept


@pytest.mark.parametrize(
    "text",
    [
        "Hardcoded password found.",
        "tokens: 5 left"[:8] + " a few",
        "src/Payments2/Handlers/CreateOrderV2Handler.cs",
        "sha256:ea339fccf02630a85f4c78bc92de322ce6bb0647a30f3a9a26cd329f8b567da5",
        "7cfa159a676765ad0b6a0c3e3a3f7f0f8a1b2c3d",
        "GHSA-2c2j-9gv5-cj73",
        "019c8e79-cf0f-75cc-8c6e-b806652074c5",
        "rules.lgpl.javascript.headers.rules_lgpl_javascript_headers_rule-generic-cors",
        "https://example.com/a?b=c",
        "Zwei Zeilen\n\tmit Umlauten: äöü, 日本",
    ],
)
def test_the_rest_stays(text: str) -> None:
    assert masked(text) == text


@given(st.text())
def test_what_is_left_is_seen_and_masked_for_good(text: str) -> None:
    once = masked(text)
    assert all(c.isprintable() or c.isspace() for c in once)
    once.encode()
    assert masked(once) == once


@given(st.text(), st.integers(2, 50))
def test_one_line_is_short_and_one(text: str, width: int) -> None:
    line = one_line(text, width)
    assert len(line) <= width
    assert "\n" not in line


def test_half_a_secret_at_the_cut_goes_whole() -> None:
    assert one_line(" " * 70 + "ghp_" + "a" * 36, 10) == "…"
    assert one_line("x" * 500, 10) == "…"
    assert one_line("one two " + " " * 500 + "three", 10) == "one two…"


@pytest.mark.parametrize(
    "part", ["a", "x_", "password", "eyJ", "-----BEGIN PRIVATE KEY-----", "://", "a:b@", "sk-"]
)
def test_no_text_costs_more_than_its_length(part: str) -> None:
    # Generous: what is excluded is work that grows with the square of the length.
    began = time.process_time()
    masked(part * (100_000 // len(part)))
    assert time.process_time() - began < 20
