"""Recorded cases for the tests of `release-bot analysis replay`, and how to replay them."""

import json
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from bot.__main__ import cli
from tests.scenarios.test_analysis import POLICY
from tests.tester import CATALOG

LONGER = "weights: [10, 25, 50, 100], bake: 30s, watch: 1m}"
METRICS = """
    metrics:
      indicators:
        errors:
          requests: 'requests_total{service="{service}",slot="{slot}"}'
          failed: 'failures_total{service="{service}",slot="{slot}"}'
          objective: 99.9
"""
GUARD = """      guards:
        failing: {query: 'failing{service="{service}"}', above: 0.1, for: 1m}
"""
RULES = CATALOG.replace(LONGER, LONGER + METRICS)
BEGUN = 1_760_000_000
"""When the first traffic came, in every case here."""

Rates = list[tuple[float, float]]
"""How many a second from a moment on; moments count from the first traffic."""


def values(rates: Rates, until: float, since: float = -1200.0) -> list[list[Any]]:
    """The raw samples of a counter with these rates, as the API answers them."""
    total, found, at = 0.0, [], since
    while at <= until:
        found.append([BEGUN + at, f"{int(total)}"])
        total += 15 * next((rate for start, rate in reversed(rates) if at >= start), 0.0)
        at += 15
    return found


def row(found: list[list[Any]], pod: str = "a") -> dict[str, Any]:
    return {"metric": {"__name__": "requests_total", "pod": pod}, "values": found}


def series(slot: str, requests: Rates, failed: Rates, until: float = 660) -> list[dict[str, Any]]:
    return [
        {
            "indicator": "errors",
            "slot": slot,
            "part": part,
            "result": [row(values(rates, until))],
        }
        for part, rates in (("requests", requests), ("failed", failed))
    ]


def case(
    name: str = "r1",
    *,
    rate: float = 1000.0,
    new: float = 0.001,
    live: float = 0.001,
    until: float = 660,
    **more: Any,
) -> dict[str, Any]:
    """A release at 10 % for ten minutes. `new`, `live`: shares that fail once there is traffic."""
    own, rest = rate / 10, rate * 9 / 10
    return {
        "name": name,
        "service": "orders",
        "environment": "production",
        "steps": [{"weight": 10, "since": BEGUN, "seconds": 600}],
        "series": [
            *series("green", [(0, own)], [(0, own * new)], until),
            *series("blue", [(-1200, rate), (0, rest)], [(0, rest * live)], until),
        ],
    } | more


def guard(share: float, since: float = 120, until: float = 660) -> dict[str, Any]:
    """A guard's query: that share from then on."""
    moments = range(-60, int(until) + 1, 15)
    found = [[BEGUN + at, str(share if at >= since else 0.001)] for at in moments]
    return {"guard": "failing", "values": found}


def guarded(policy: str = "") -> str:
    rules = RULES.replace("      indicators:\n", GUARD + "      indicators:\n")
    return rules if not policy else with_policy(policy, rules)


def with_policy(analysis: str, rules: str = RULES) -> str:
    return rules.replace(POLICY, POLICY.replace("high: 0}", f"high: 0}}, analysis: {{{analysis}}}"))


STEPS = [
    {"weight": 10, "since": "2025-10-09T08:53:20Z", "seconds": 600},
    {"weight": 50, "since": BEGUN + 610, "seconds": 600},
    {"weight": 100, "since": BEGUN + 1220, "seconds": 300},
]
"""A whole release; the first moment is BEGUN, as people write it."""


class Run:
    """Replay a file with this in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(
        self, text: Any, *words: str, rules: str = RULES, name: str = "cases.json"
    ) -> Result:
        (self.folder / "rules.yaml").write_text(rules)
        (self.folder / name).write_text(text if isinstance(text, str) else json.dumps(text))
        return CliRunner().invoke(
            cli,
            [
                *("analysis", "replay", str(self.folder / name)),
                *("--catalog", str(self.folder / "rules.yaml"), *words),
            ],
        )

    def one(self, given: dict[str, Any], *, rules: str = RULES) -> dict[str, Any]:
        """What became of a single case."""
        done = self([given], "--json", rules=rules)
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)["cases"][0]
        return found

    def wrong(self, given: Any, *, name: str = "cases.json", rules: str = RULES) -> str:
        """The sentence about a file that can't be used."""
        done = self(given, name=name, rules=rules)
        assert (done.exit_code, done.stdout) == (1, "")
        assert done.stderr.count("\n") == 1
        return done.stderr.replace(f"{self.folder}/", "").strip()
