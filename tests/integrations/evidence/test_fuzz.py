"""Reports that something went through: whatever comes, a report is read or refused in words.

Ten thousand of them in `make check`, a few hundred in `make test`.
"""

import json
import random
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.evidence import Format
from bot.errors import UserError
from bot.views import evidence_lines
from integrations.evidence import read
from tests.integrations.evidence.reports import ALL

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1e308, 10**24, "", "x", "\ud800", "\x00\x1b[2J", "9" * 30),
    *([], {}, [[]], [None], {"a": 1}, [1, "a", {}], "0001-01-01T00:00:00Z", "<!channel>"),
    *("9999-12-31T23:59:59-23:59", "A" * 5000, "NaN", "-", "é" * 50, {"": {"": {}}}, -0.0),
]


def digest(data: bytes, declared: Format | None = None) -> None:
    """Read, show and write out; a refusal has a code and a sentence."""
    try:
        report = read(data, declared)
    except UserError as refused:
        words_of(refused)
        return
    assert report.clean in {True, False}
    json.dumps(evidence_lines.as_data(report), allow_nan=False).encode()
    evidence_lines.summary(report).encode()


def words_of(refused: UserError) -> None:
    assert refused.code.startswith("evidence_")
    assert refused.sentence.endswith((".", "?"))
    assert refused.sentence.isprintable()


def _flipped(data: bytes, chance: random.Random) -> bytes:
    changed = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def _cut(data: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return chance.choice([data[:start], data[start:], data[:start] + data[end:]])


def _repeated(data: bytes, chance: random.Random) -> bytes:
    start, end = sorted(chance.randrange(len(data) + 1) for _ in range(2))
    return data[:end] + data[start:end] * chance.randint(1, 5) + data[end:]


def _spliced(data: bytes, chance: random.Random) -> bytes:
    other = chance.choice(ALL)[1]
    return data[: chance.randrange(len(data))] + other[chance.randrange(len(other)) :]


def _reshaped(data: bytes, chance: random.Random) -> bytes:
    """Put something odd in some place of the JSON, or leave the place out."""
    if data.startswith(b"<"):
        tags = (b"testsuite", b"testcase", b"site", b"alerts", b"riskcode", b"failure", b'"1"')
        return data.replace(chance.choice(tags), chance.choice(tags), chance.randint(1, 4))
    rows = [json.loads(line) for line in data.splitlines()] if b"\n" in data else json.loads(data)
    for _ in range(chance.randint(1, 3)):
        _change_somewhere(rows, chance)
    return json.dumps(rows).encode()


def _change_somewhere(data: Any, chance: random.Random) -> None:
    while isinstance(data, dict | list) and data:
        key: Any = chance.choice(list(data) if isinstance(data, dict) else range(len(data)))
        if not data[key] or not isinstance(data[key], dict | list) or chance.random() < 0.2:
            if chance.random() < 0.2:
                del data[key]
            else:
                data[key] = deepcopy(chance.choice(ODD))
            return
        data = data[key]


WAYS: list[Callable[[bytes, random.Random], bytes]] = [
    *(_flipped, _cut, _repeated, _spliced, _reshaped, _reshaped, _reshaped),
]


def mutated(seed: int) -> tuple[bytes, Format | None]:
    chance = random.Random(seed)  # noqa: S311 - the same each time
    format_, report = ALL[seed % len(ALL)]
    data = chance.choice(WAYS)(report, chance)
    return data, chance.choice([None, format_, chance.choice(list(Format))])


@pytest.mark.parametrize("start", range(0, 600, 200))
def test_some_mutations(start: int) -> None:
    for seed in range(start, start + 200):
        digest(*mutated(seed))


@pytest.mark.chaos_full
@pytest.mark.either
@pytest.mark.parametrize("start", range(1_000, 11_000, 1_000))
def test_ten_thousand_mutations(start: int) -> None:
    for seed in range(start, start + 1_000):
        digest(*mutated(seed))


@given(st.binary(max_size=300))
@settings(max_examples=200)
def test_any_bytes(data: bytes) -> None:
    digest(data)


LEAVES = st.none() | st.booleans() | st.floats() | st.integers() | st.text()
KEYS = st.text() | st.sampled_from(
    [
        *("runs", "version", "results", "tool", "driver", "SchemaVersion", "ArtifactName"),
        *("Results", "matches", "descriptor", "metrics", "root_group", "site", "dependencies"),
    ]
)


@given(
    st.recursive(
        LEAVES, lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner), max_leaves=20
    ),
    st.sampled_from([None, *Format]),
)
@settings(max_examples=200)
def test_any_json(data: Any, declared: Format | None) -> None:
    digest(json.dumps(data).encode(), declared)
