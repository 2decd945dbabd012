"""The catalogue's parts on environments that come and go: what is wrong, and where it stands."""

# ruff: noqa: E501 - a table of wrong lines reads better in one line each

import json
from datetime import time, timedelta

import pytest

from bot.domain.catalog_changes import differences
from bot.domain.environments import Ephemeral
from integrations.catalog_file import CatalogError, json_schema, parse_catalog
from tests.tester import CATALOG

LINE = CATALOG.count("\n") + 1

GOOD = """\
ephemeral: {clusters: [main], pattern: "pr-{number}"}
reports: {stale: {at: 09:00, zone: America/New_York, channel: C0REL}}
"""


def test_what_is_left_out_has_its_default() -> None:
    catalog = parse_catalog(CATALOG + GOOD).catalog
    assert catalog.ephemeral is not None
    assert catalog.ephemeral.not_deployed == timedelta(days=14)
    assert catalog.ephemeral.labels.owner == "release-bot/owner"
    report = catalog.reports.stale
    assert report is not None
    assert (report.time, report.days, report.behind.versions) == (time(9), "mon-fri", 3)
    assert Ephemeral(pattern="pr-{number}").contexts == (None,)
    assert parse_catalog(CATALOG).catalog.ephemeral is None


WRONG = {
    "zone": (GOOD.replace("America/New_York", "America/NewYork"), "reports.stale.zone: there is no time zone America/NewYork. Did you mean America/New_York?"),
    "zone without a guess": (GOOD.replace("America/New_York", "xyz"), "there is no time zone xyz. An example is America/New_York."),
    "channel": (GOOD.replace("C0REL", "C9"), f"c.yaml:{LINE + 1}:54: reports.stale.channel: C9 is not in slack.channels, so its buttons would not work"),
    "time": (GOOD.replace("09:00", "24:00"), "'24:00' is not a time such as 09:00"),
    "days": (GOOD.replace("at: 09:00", "days: weekdays"), "'weekdays' are not days such as mon-fri, mon,wed or daily"),
    "pattern": (GOOD.replace("{number}", "{num}"), "ephemeral.pattern: num can't stand here; number, branch, owner, name can"),
    "role": (GOOD.replace("clusters: [main]", "rights: [chiefs]"), "ephemeral.rights: there is no role chiefs"),
    "nothing": (GOOD.replace("clusters: [main]", "keep: 0d"), "keep must be longer than nothing"),
    "longest": (GOOD.replace("clusters: [main]", "extend: 9d, longest: 3d"), "extend must not be longer than longest"),
    "repository": (GOOD.replace("clusters: [main]", "repository: platform"), "ephemeral.repository"),
    "key": (GOOD.replace("clusters:", "clutters:"), "there is no key clutters. Did you mean clusters?"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_its_place(name: str) -> None:
    text, sentence = WRONG[name]
    with pytest.raises(CatalogError) as caught:
        parse_catalog(CATALOG + text, "c.yaml")
    assert sentence in str(caught.value)


def test_a_cluster_that_no_environment_is_in_is_warned_of() -> None:
    (warning,) = parse_catalog(CATALOG + GOOD.replace("[main]", "[main, elsewhere]")).warnings
    assert warning.message == (
        "ephemeral.clusters.1: no environment is in elsewhere; it must be a context of the kubeconfig"
    )
    assert warning.line == LINE


def test_editors_know_the_keys_and_a_change_of_rights_is_announced() -> None:
    schema = json_schema()
    assert {"ephemeral", "reports"} <= set(schema["properties"])
    text = json.dumps(schema)
    for key in ("not_deployed", "pattern", "longest", "keep", "zone", "behind"):
        assert f'"{key}"' in text
    old = parse_catalog(CATALOG + GOOD).catalog
    new = parse_catalog(CATALOG + GOOD.replace("clusters:", "rights: [owners], clusters:")).catalog
    assert [c.path for c in differences(old, new) if c.sensitive] == ["ephemeral.rights"]
