"""The catalogue's file: everything that can be wrong with it, with line and column."""

import asyncio
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.catalog_changes import differences
from bot.domain.catalog_checks import find_cycle
from integrations import catalog_file
from integrations.catalog_file import CatalogError, json_schema, parse_catalog, read_text
from tests.tester import CATALOG

# ruff: noqa: E501 - a table of wrong files reads better in one line each

EXAMPLE = Path(__file__).parents[2] / "examples" / "quantivista" / "catalog.yaml"

METRICS = "    metrics: {{indicators: {{errors: {{{}}}}}}}\n"
HTTP = "    kubernetes: {{preview: p}}\n    smoke: {{http: [{{{}}}]}}\n"
BASE = """\
organization: q
tiers: [one, two]
environments:
  staging: {namespace: s}
  production: {namespace: p, after: staging}
services:
  a: {tier: one, repository: q/p, image: "q/a:{version}", deploy: {workflow: d.yml}}
  b:
    tier: two
    repository: q/p
    image: "q/b:{version}"
    deploy: {workflow: d.yml}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        parse_catalog(text, "c.yaml")
    return str(caught.value).splitlines()


def test_the_base_is_good() -> None:
    loaded = parse_catalog(BASE)
    assert list(loaded.catalog.services) == ["a", "b"]
    assert loaded.warnings == ()
    assert loaded.fingerprint == parse_catalog(BASE.replace("  a: {", "  a:  {")).fingerprint


GLASS = (
    BASE
    + """\
roles: {r: {users: [U1]}}
policies:
  default:
    emergency:
      passes: [promoted]
      from: [r]
      channel: C1
      review: {from: [r]}
"""
)


WRONG = {
    "no such gate": (GLASS.replace("[promoted]", "[promoted, chekcs]"),
                     "c.yaml:17:26: policies.default.emergency.passes.1: there is no gate chekcs; it passes checks, commits, evidence, order, promoted, scans"),
    "a gate for good": (GLASS.replace("[promoted]", "[version]"),
                        "c.yaml:17:16: policies.default.emergency.passes.0: no emergency passes version: without its tag nobody knows which commit would be released"),
    "passes nothing": (GLASS.replace("[promoted]", "[]"), "c.yaml:17:7: policies.default.emergency.passes: "),
    "no such responder": (GLASS.replace("from: [r]\n      ch", "from: [q]\n      ch"),
                          "c.yaml:18:14: policies.default.emergency.from.0: there is no role q"),
    "everybody reviews": (GLASS.replace("{from: [r]}", "{from: [everyone]}"),
                          "c.yaml:20:23: policies.default.emergency.review.from.0: everyone is no role of its own: name who answers for an emergency"),
    "no review": (GLASS.replace("      review: {from: [r]}\n", ""),
                  "c.yaml:16:5: policies.default.emergency.review: it is missing"),
    "duplicate": (BASE + "tiers: [x]\n", "c.yaml:13:1: tiers is there twice"),
    "unknown key": (BASE.replace("tier: two", "teir: two"),
                    "c.yaml:9:5: services.b.teir: there is no key teir. Did you mean tier?"),
    "missing": (BASE.replace("    tier: two\n", ""), "c.yaml:8:3: services.b.tier: it is missing"),
    "tier": (BASE.replace("tier: two", "tier: three"),
             "c.yaml:9:5: services.b.tier: there is no tier three"),
    "after": (BASE.replace("after: staging", "after: stagin"),
              "c.yaml:5:30: environments.production.after: there is no environment stagin"),
    "two ways": (BASE.replace("    deploy: {workflow: d.yml}",
                              "    deploy: {workflow: d, kubernetes: set-image}"),
                 "services.b.deploy: say either workflow: FILE or kubernetes: set-image"),
    "literal": (BASE + "    strategy: {kind: blu}\n", "'blu' is not one of"),
    "weights": (BASE + "    strategy: {traffic: gateway, weights: [50, 10]}\n",
                "weights must rise and end with 100"),
    "weight": (BASE + "    strategy: {traffic: gateway, weights: [ten, 100]}\n",
               "'ten' is not a whole number"),
    "split": (BASE + "    strategy: {weights: [50, 100]}\n",
              "traffic: service moves all at once"),
    "route": (BASE + "    strategy: {traffic: gateway}\n",
              "traffic: gateway needs kubernetes.route"),
    "virtual service": (BASE + "    strategy: {traffic: istio}\n"
                        "    kubernetes: {slot_service: '{service}-{slot}'}\n",
                        "traffic: istio needs kubernetes.virtual_service and kubernetes.slot_service"),
    "slot service": (BASE + "    strategy: {traffic: istio}\n"
                     "    kubernetes: {virtual_service: '{service}'}\n",
                     "traffic: istio needs kubernetes.virtual_service and kubernetes.slot_service"),
    "one copy": (BASE + "    kubernetes: {deployment: '{service}'}\n",
                 "kubernetes.deployment {service} is one copy: blue-green needs two, with {slot} in the name"),
    "one copy's traffic": (BASE + "    kubernetes: {deployment: b, slot_service: '{slot}', route: b}\n"
                           "    strategy: {kind: rolling, traffic: gateway}\n",
                           "kubernetes.deployment is one copy: traffic: gateway moves between two"),
    "no workflow": (BASE.replace("    deploy: {workflow: d.yml}", "    deploy: {kubernetes: set-image}")
                    + "    strategy: {kind: workflow}\n", "strategy workflow needs deploy: {workflow: FILE}"),
    "canary": (BASE + "    strategy: {kind: canary}\n", "a canary needs a weight below 100"),
    "indicator": (BASE + METRICS.format("requests: 'r{slot}', objective: 99"),
                  "say either failed: SELECTOR or good: SELECTOR"),
    "no slot": (BASE + METRICS.format("requests: r, failed: f, objective: 99"),
                "this must hold {slot}"),
    "range": (BASE + METRICS.format("requests: 'r{slot}[5m]', failed: 'f{slot}', objective: 99"),
              "leave the [time] away"),
    "shares": (BASE + METRICS.format("requests: 'r{slot}', failed: 'f{slot}', objective: 99, weight: 0.4"),
                "add up to 0.4, not to 1"),
    "guard": (BASE + "    metrics: {guards: {g: {query: q}}}\n", "say either above: NUMBER"),
    "hold": (BASE + "    strategy: {weights: [100], hold_at: [10]}\n", "hold_at names 10"),
    "duration": (BASE + "    timeout: soon\n", "'soon' is not a duration such as 90s"),
    "pattern": (BASE.replace("q/b:{version}", "q/b:{tag}"), "{tag} can't stand here"),
    "dependency": (BASE + "    depends_on: {c: '>=1'}\n", "there is no service c"),
    "constraint": (BASE + "    depends_on: {a: 'newest'}\n", "'newest' is not a constraint"),
    "cycle": (BASE.replace("{tier: one,", "{tier: one, depends_on: {b: '*'},")
              + "    depends_on: {a: '*'}\n", "services depend on one another in a circle: a → b → a"),
    "role": (BASE.replace("{namespace: s}", "{namespace: s, rights: {release: [chiefs]}}"),
             "there is no role chiefs"),
    "nobody": (BASE.replace("{namespace: s}", "{namespace: s, approvals: {count: 1}}"),
               "nobody could approve"),
    "bool": (BASE.replace("{namespace: s}", "{namespace: s, approvals: {not_the_requester: maybe}}"),
             "'maybe' is neither true nor false"),
    "alias": (BASE.replace("{namespace: s}", "{namespace: s, aliases: [production]}"),
              "production is an environment already"),
    "policy": (BASE.replace("{namespace: s}", "{namespace: s, policy: strict}"),
               "there is no policy strict"),
    "order": (BASE.replace("{namespace: s}", "{namespace: s, after: production}"),
              "comes after itself"),
    "special": (BASE + "roles: {owners: {users: [U1]}}\n", "owners has a meaning of its own"),
    "somewhere": (BASE + "    environments: [moon]\n", "there is no environment moon"),
    "not a list": (BASE.replace("tiers: [one, two]", "tiers: one"), "tiers: this must be a list"),
    "not a mapping": (BASE.replace("services:", "people: [x]\nservices:"),
                      "people: this must be a mapping"),
    "empty": (BASE.replace("organization: q", "organization:"), "this must be a word, and is empty"),
    "not yaml": ("a: [1", "c.yaml:1:6: this is not YAML"),
    "tab": ("a:\n\tb: 1\n", "this is not YAML"),
    "a list": ("- a\n- b\n", "c.yaml:1:1: a catalogue is a mapping"),
    "nothing": ("", "c.yaml:1:1: a catalogue is a mapping"),
    "odd key": ("? [a]\n: b\n", "a key must be a word"),
    "odd merge": ("<<: 5\n", "<< takes mappings"),
    "too large": ("#" * (5 * 2**20 + 1), "the file is over 5 MB"),
    "deep": ("a: " + "{b: " * 40 + "1" + "}" * 40, "this is too much"),
    "in defaults": (BASE + "defaults:\n  services:\n    smoke: {workflw: s.yml}\n",
                    "c.yaml:15:13: services.a.smoke.workflw: there is no key workflw"),
    "smoke ways": (BASE + "    smoke: {workflow: s.yml, cronjob: s}\n",
                   "c.yaml:13:5: services.b.smoke: say one of workflow: FILE, cronjob: NAME and http"),
    "no smoke way": (BASE + "    smoke: {tries: 3}\n", "say one of workflow: FILE"),
    "smoke tries": (BASE + "    smoke: {workflow: s.yml, pause: 9s}\n", "tries and pause belong to http"),
    "preview": (BASE + "    smoke: {cronjob: '{service}-smoke'}\n",
                "c.yaml:13:5: services.b.smoke: smoke by cronjob or http finds the idle slot by kubernetes.preview"),
    "cronjob name": (BASE + "    smoke: {cronjob: '{slot}'}\n", "{slot} can't stand here"),
    "no checks": (BASE + "    smoke: {http: []}\n", "should have at least 1 item"),
    "key of a check": (BASE + HTTP.format("url: 'http://p.s.svc', contain: ok"),
                       "http.0.contain: there is no key contain. Did you mean contains?"),
    "host": (BASE + HTTP.format("url: 'http://p.{namespace}.svc/'"),
             "c.yaml:14:21: services.b.smoke.http.0.url: p.s.svc is not in policies.default.smoke_hosts, which staging goes by"),
    "scheme": (BASE + HTTP.format("url: 'ftp://p.s.svc/'"), "'ftp://p.s.svc/' is not an address such as http://"),
    "user": (BASE + HTTP.format("url: 'http://a:b@p.s.svc/'"), "no user, password or #part can stand here"),
    "version as host": (BASE + HTTP.format("url: 'http://{version}.s.svc/'"), "{version} can't stand in the host"),
    "hole": (BASE + HTTP.format("url: 'http://p.s.svc/{commit}'"), "{commit} can't stand here"),
    "method": (BASE + HTTP.format("url: 'http://p.s.svc/', method: POST"), "'POST' is not one of"),
    "status": (BASE + HTTP.format("url: 'http://p.s.svc/', status: 99"), "greater than or equal to 200"),
    "slow": (BASE + HTTP.format("url: 'http://p.s.svc/', within: 11s"), "within must be more than nothing and 10s at the most"),
    "time": (BASE + HTTP.format("url: 'http://p.s.svc/', within: 1m"), "'1m' is not a time such as 500ms or 2s"),
    "head": (BASE + HTTP.format("url: 'http://p.s.svc/', method: HEAD, contains: ok"), "the answer to HEAD has no body"),
    "pointer": (BASE + HTTP.format("url: 'http://p.s.svc/', equals: {status: ok}"), "'status' is not a JSON pointer"),
    "pattern of hosts": (BASE + "policies: {default: {smoke_hosts: ['*.com']}}\n", "'*.com' is not a host such as"),
    "address of hosts": (BASE + "policies: {default: {smoke_hosts: ['http://p.s.svc']}}\n", "is not a host such as"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_said_with_its_place(case: str) -> None:
    text, wanted = WRONG[case]
    assert any(wanted in line for line in problems(text)), problems(text)


def test_all_problems_are_told_at_once_in_the_order_of_lines() -> None:
    text = BASE.replace("tier: two", "tier: three").replace("after: staging", "after: moon")
    lines = problems(text)
    assert [line.split(":")[1] for line in lines] == ["5", "9"]


def test_an_alias_bomb_is_refused() -> None:
    levels = ["a: &a [x, x, x, x, x, x, x, x, x, x]"]
    levels += [
        f"{n}: &{n} [{', '.join(['*' + p] * 10)}]" for p, n in zip("abcdef", "bcdefg", strict=True)
    ]
    assert any("too much" in line for line in problems("\n".join(levels)))


def test_scalars_stay_what_they_are() -> None:
    text = BASE.replace("organization: q", "organization: 2.10")
    assert parse_catalog(text).catalog.organization == "2.10"
    assert parse_catalog(BASE.replace("organization: q", "organization: 16:30")).catalog
    assert parse_catalog(BASE.replace(": q\n", ": 'null'\n", 1)).catalog.organization == "null"


def test_anchors_and_merges_work() -> None:
    text = BASE.replace("  b:\n    tier: two\n", "  b:\n    <<: &x {path: sub}\n    tier: two\n")
    assert parse_catalog(text).catalog.services["b"].path == "sub"
    both = text.replace("<<: &x {path: sub}", "<<: [{path: one}, {path: two, tag: 'b/{version}'}]")
    found = parse_catalog(both).catalog.services["b"]
    assert (found.path, found.tag) == ("one", "b/{version}")


def test_defaults_fill_in_and_entries_win() -> None:
    text = BASE + "defaults:\n  services: {smoke: {workflow: s.yml}, timeout: 5m}\n"
    services = parse_catalog(text).catalog.services
    assert services["a"].smoke is not None
    off = text.replace("    tier: two", "    smoke:\n    tier: two")
    assert parse_catalog(off).catalog.services["b"].smoke is None
    empty = text + "  environments: {namespace: all}\n"
    named = empty.replace("staging: {namespace: s}", "staging:")
    assert parse_catalog(named).catalog.environments["staging"].namespace == "all"


def test_a_service_chooses_another_way_to_smoke_test_than_the_default() -> None:
    hosts = "policies: {default: {smoke_hosts: ['*.preview.example.com', p.s.svc]}}\n"
    text = BASE + HTTP.format("url: 'https://{slot}.preview.example.com/{version}'") + hosts
    text += "defaults:\n  services: {smoke: {workflow: s.yml}}\n"
    services = parse_catalog(text).catalog.services
    assert services["a"].smoke is not None
    assert services["a"].smoke.workflow == "s.yml"
    own = services["b"].smoke
    assert own is not None
    assert (own.workflow, own.tries) == (None, 3)
    assert [check.status for check in own.http or ()] == [200]
    elsewhere = "    environments: [staging]\n    tier: two"
    only = text.replace("    tier: two", elsewhere).replace(
        "https://{slot}.preview.example.com/{version}", "http://p.{namespace}.svc/"
    )
    assert parse_catalog(only).catalog.services["b"].environments == ("staging",)


def test_warnings_do_not_refuse() -> None:
    text = BASE.replace("{tier: one,", "{tier: one, depends_on: {b: '*'},")
    text += "roles: {ghosts: {}}\n"
    said = [w.message for w in parse_catalog(text).warnings]
    assert any("is of a later tier" in s for s in said)
    assert any("nobody has the role ghosts" in s for s in said)


def test_the_example_is_whole_and_large() -> None:
    loaded = parse_catalog(read_text(EXAMPLE))
    assert len(loaded.catalog.services) >= 50
    assert set(loaded.catalog.tiers) == {s.tier for s in loaded.catalog.services.values()}
    assert loaded.warnings == ()


def test_a_file_that_can_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="can't be read"):
        read_text(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"organization: \xe4\n")
    with pytest.raises(CatalogError, match="not UTF-8 at byte 14"):
        read_text(tmp_path / "latin.yaml")


def test_the_schema_describes_defaults_and_refuses_unknown_keys() -> None:
    schema = json_schema()
    assert "defaults" in schema["properties"]
    assert schema["$defs"]["Service"]["additionalProperties"] is False
    assert "required" not in schema["$defs"]["Service"]


def test_differences_say_what_is_sensitive() -> None:
    old = parse_catalog(CATALOG).catalog
    new = parse_catalog(
        CATALOG.replace("count: 1", "count: 2").replace("watch: 30s}", "watch: 9s}")
    ).catalog
    found = {c.path: (c.before, c.after, c.sensitive) for c in differences(old, new)}
    assert found["environments.production.approvals.count"] == ("1", "2", True)
    assert found["services.payments.strategy.watch"] == ("30s", "9s", False)
    assert differences(old, old) == ()


@given(st.dictionaries(st.integers(0, 8), st.lists(st.integers(0, 8), max_size=3), max_size=9))
def test_a_cycle_is_a_cycle(edges: dict[int, list[int]]) -> None:
    named = {str(a): [str(b) for b in bs] for a, bs in edges.items()}
    cycle = find_cycle(named)
    if cycle:
        assert cycle[0] == cycle[-1]
        assert all(b in named[a] for a, b in itertools.pairwise(cycle))
    else:
        order: list[str] = []
        left = set(named) | {b for bs in named.values() for b in bs}
        while left:
            free = [n for n in left if not set(named.get(n, ())) - set(order)]
            assert free, "no order, so there is a cycle"
            order += free
            left -= set(free)


async def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(BASE)
    seen = asyncio.Event()

    async def changed() -> None:
        seen.set()

    watching = asyncio.create_task(catalog_file.watch(path, changed))
    await asyncio.sleep(0.3)
    for number in range(40):
        (tmp_path / "new").write_text(f"{BASE}# {number}\n")
        (tmp_path / "new").replace(path)
        if seen.is_set():
            break
        await asyncio.sleep(0.25)
    assert seen.is_set()
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
