"""The GitHub adapter against the simulated GitHub, over real HTTP, with the real PyGithub."""

import io
import zipfile
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.errors import ForbiddenError, MissingError, PermanentError, TemporaryError
from integrations.github import Credentials, GitHubHost
from integrations.github import junit as junit_reader
from integrations.github.webhooks import signed
from integrations.simulated.github import SimulatedGitHub, Workflow
from integrations.simulated.server import Fault
from tests.patience import PATIENT
from tests.virtual import START, VirtualClock

REPO = "quantivista/platform"


class Kit:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.sim = SimulatedGitHub(self.clock.now, self.clock.sleep, token="t")

    async def start(self) -> "Kit":
        await self.sim.start()
        self.host = GitHubHost(self.sim.url, Credentials(token="t"), seconds=PATIENT, workers=2)
        self.sim.repository(REPO)
        return self


@pytest.fixture
async def kit() -> AsyncIterator[Kit]:
    made = await Kit().start()
    yield made
    await made.host.close()
    await made.sim.stop()


async def test_tags_are_followed_to_their_commit(kit: Kit) -> None:
    plain = kit.sim.seed_release(REPO, "v1.0.0")
    annotated = kit.sim.seed_release(REPO, "v1.1.0", annotated=True)
    kit.sim.add_tag(REPO, "v1.1.0-rc.1", plain)
    found = await kit.host.tag(REPO, "v1.1.0")
    assert found is not None
    assert found.commit == annotated
    assert (await kit.host.tag(REPO, "v1.0.0")) is not None
    assert await kit.host.tag(REPO, "v1.1") is None
    assert await kit.host.tag(REPO, "v9") is None


async def test_newest_tags_are_in_the_order_of_versions(kit: Kit) -> None:
    sha = kit.sim.add_commit(REPO)
    for tag in ("v1.9.0", "v1.10.0", "v1.10.0-rc.1", "nightly", "api/v7.0.0", "api/v8.0.0"):
        kit.sim.add_tag(REPO, tag, sha)
    assert await kit.host.newest_tags(REPO, "{version}", 3) == ("v1.10.0", "v1.10.0-rc.1", "v1.9.0")
    assert await kit.host.newest_tags(REPO, "api/{version}", 5) == ("v8.0.0", "v7.0.0")


async def test_the_diff_names_commits_and_authors(kit: Kit) -> None:
    first = kit.sim.seed_release(REPO, "v1")
    last = kit.sim.seed_release(REPO, "v2", commits=[("ana", "a"), ("dan", "b"), ("ana", "c")])
    diff = await kit.host.diff(REPO, first, last)
    assert (diff.commits, diff.authors, diff.behind) == (3, ("ana", "dan"), 0)
    back = await kit.host.diff(REPO, last, first)
    assert (back.commits, back.behind) == (0, 3)
    with pytest.raises(MissingError):
        await kit.host.diff(REPO, first, "f" * 40)


async def test_checks_newest_of_each_name(kit: Kit) -> None:
    sha = kit.sim.seed_release(REPO, "v1")
    for conclusion in ("failure", "success"):
        kit.sim.add_check(REPO, sha, "unit", conclusion)
    kit.sim.add_check(REPO, sha, "e2e", None)
    found = {c.name: c.conclusion for c in await kit.host.checks(REPO, sha)}
    assert found == {"unit": "success", "e2e": None}


async def test_many_checks_are_read_page_by_page(kit: Kit) -> None:
    sha = kit.sim.seed_release(REPO, "v1")
    for number in range(130):
        kit.sim.add_check(REPO, sha, f"check {number}")
    assert len(await kit.host.checks(REPO, sha)) == 130


async def test_scans_count_for_this_very_commit_and_path(kit: Kit) -> None:
    old = kit.sim.seed_release(REPO, "v1")
    new = kit.sim.seed_release(REPO, "v2", analysis=False)
    assert (await kit.host.scan(REPO, new, None)).status == "missing"
    kit.sim.add_analysis(REPO, new)
    for severity, path in (("critical", "services/a/x.py"), ("low", "services/ab/x.py")):
        kit.sim.add_alert(REPO, severity, path)
    whole = await kit.host.scan(REPO, new, None)
    assert (whole.status, whole.critical, whole.low) == ("analysed", 1, 1)
    part = await kit.host.scan(REPO, new, "services/a")
    assert (part.critical, part.low) == (1, 0)
    assert old
    kit.sim.repository(REPO).alerts[0]["rule"] = {"severity": "warning"}
    assert (await kit.host.scan(REPO, new, None)).medium == 1
    kit.sim.repository(REPO).scanning = False
    assert (await kit.host.scan(REPO, new, None)).status == "not_enabled"


async def test_no_analysis_at_all_is_missing(kit: Kit) -> None:
    sha = kit.sim.seed_release(REPO, "v1", analysis=False)
    assert (await kit.host.scan(REPO, sha, None)).status == "missing"


async def test_a_dispatch_is_sent_once_whatever_happens(kit: Kit) -> None:
    kit.sim.add_workflow(REPO, Workflow("deploy.yml"))
    for kind in ("status", "drop_before", "drop_after"):
        before = len(kit.sim.journal)
        kit.sim.fail(Fault(kind, method="POST"))  # type: ignore[arg-type]
        with pytest.raises(TemporaryError) as caught:
            await kit.host.dispatch(REPO, "deploy.yml", {"release_id": "rel-1"})
        assert caught.value.unknown
        posts = [e for e in kit.sim.journal[before:] if e.method == "POST"]
        assert len(posts) == 1
    run = await kit.host.dispatch(REPO, "deploy.yml", {"release_id": "rel-2"})
    assert run is not None
    assert run.status == "queued"


async def test_dispatch_refusals(kit: Kit) -> None:
    with pytest.raises(MissingError):
        await kit.host.dispatch(REPO, "none.yml", {})
    kit.sim.add_workflow(REPO, Workflow("deploy.yml", inputs=("service",), run_details=False))
    with pytest.raises(PermanentError, match="Unexpected inputs"):
        await kit.host.dispatch(REPO, "deploy.yml", {"slot": "blue"})
    assert await kit.host.dispatch(REPO, "deploy.yml", {"service": "x"}) is None


async def test_runs_are_listed_late_and_read_one_by_one(kit: Kit) -> None:
    kit.sim.add_workflow(REPO, Workflow("deploy.yml", listing_delay=10, dedupes=False))
    for _ in range(2):
        await kit.host.dispatch(REPO, "deploy.yml", {"release_id": "rel-7"})
    assert await kit.host.runs(REPO, START) == ()
    await kit.clock.advance_to(START + timedelta(seconds=11))
    found = (await kit.host.runs(REPO, START))[-1]
    assert found.id == kit.sim.runs[0].id
    assert "rel-7" in found.title
    ended = await kit.host.run(REPO, found.id)
    assert (ended.status, ended.conclusion) == ("completed", "success")
    assert ended.ended_at is not None
    await kit.host.cancel_run(REPO, found.id)
    with pytest.raises(MissingError):
        await kit.host.run(REPO, 1)


async def test_counts_come_from_the_artifact(kit: Kit) -> None:
    kit.sim.add_workflow(REPO, Workflow("smoke.yml", junit=(40, 1, 2)))
    run = await kit.host.dispatch(REPO, "smoke.yml", {})
    assert run is not None
    assert await kit.host.test_counts(REPO, run.id, "junit") is None
    await kit.clock.advance_to(START + timedelta(seconds=60))
    counts = await kit.host.test_counts(REPO, run.id, "junit")
    assert counts is not None
    assert (counts.run, counts.passed, counts.failed, counts.skipped) == (43, 40, 1, 2)


def zipped(*files: tuple[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files:
            archive.writestr(name, text)
    return packed.getvalue()


HUGE = 22 * 2**20
NESTED = (
    '<testsuites tests="99"><testsuite name="a"><testcase name="x"/><testsuite name="b">'
    '<testcase name="y"><error/></testcase></testsuite></testsuite></testsuites>'
)
BOMB = '<!DOCTYPE a [<!ENTITY b "bbbb">]><testsuite><testcase name="&b;"/></testsuite>'


def test_cases_are_counted_and_not_what_suites_claim() -> None:
    counts = junit_reader.count(zipped(("a.xml", NESTED), ("b/c.xml", "<testsuite/>")))
    assert counts is not None
    assert (counts.run, counts.passed, counts.failed) == (2, 1, 1)
    assert junit_reader.count(zipped(("readme.txt", "no"))) is None


@pytest.mark.parametrize(
    "packed",
    [b"no zip", zipped(("a.xml", BOMB)), zipped(("a.xml", "<oops")), zipped(("a.xml", "x" * HUGE))],
)  # fmt: skip
def test_bad_artifacts_are_refused(packed: bytes) -> None:
    with pytest.raises(PermanentError):
        junit_reader.count(packed)


async def test_errors_are_told_by_meaning(kit: Kit) -> None:
    kit.sim.fail(Fault("status", times=None, status=502))
    with pytest.raises(TemporaryError, match="GitHub answered 502"):
        await kit.host.tag(REPO, "v1")
    kit.sim.heal()
    limit = {"X-RateLimit-Remaining": "0", "Retry-After": "42"}
    body = {"message": "API rate limit exceeded"}
    kit.sim.fail(Fault("status", times=None, status=403, headers=limit, body=body))
    with pytest.raises(TemporaryError) as caught:
        await kit.host.tag(REPO, "v1")
    assert caught.value.delay >= 1
    kit.sim.heal()
    denied = {"message": "Resource not accessible by integration"}
    kit.sim.fail(Fault("status", status=403, body=denied))
    with pytest.raises(ForbiddenError, match="not accessible"):
        await kit.host.tag(REPO, "v1")
    kit.sim.fail(Fault("hang", times=None, seconds=3))
    hasty = GitHubHost(kit.sim.url, Credentials(token="t"), seconds=1.0, workers=2)
    with pytest.raises(TemporaryError, match=r"didn't answer|connection"):
        await hasty.run(REPO, 1)
    await hasty.close()
    kit.sim.heal()
    kit.sim.token = "other"
    with pytest.raises(ForbiddenError):
        await kit.host.tag(REPO, "v1")


async def test_without_credentials_it_says_what_to_set() -> None:
    host = GitHubHost("http://127.0.0.1:9", Credentials())
    with pytest.raises(PermanentError, match="set GITHUB_TOKEN"):
        await host.tag(REPO, "v1")
    await host.close()


async def test_the_budget_is_known(kit: Kit) -> None:
    await kit.host.tag(REPO, "v1")
    kit.sim.seed_release(REPO, "v1")
    await kit.host.tag(REPO, "v1")
    assert kit.host.remaining == 4999


async def test_the_doctor_looks_at_repositories_and_workflows(kit: Kit) -> None:
    kit.sim.add_workflow(REPO, Workflow("deploy.yml"))
    kit.sim.add_analysis(REPO, kit.sim.add_commit(REPO))
    good = (await kit.host.check({REPO: ["deploy.yml"]})).findings
    assert [f.good for f in good] == [True, True]
    kit.sim.rights.granted["actions"] = "read"
    found = (await kit.host.check({REPO: ["deploy.yml", "none.yml"], "x/y": []})).findings
    assert [f.good for f in found] == [True, False, False, False]
    assert "Actions: write" in (found[2].remedy or "")


@pytest.mark.parametrize("signature", ["", "sha256=", "sha1=abc", "sha256=é", "sha256=" + "0" * 64])
def test_odd_signatures_are_wrong_and_nothing_worse(signature: str) -> None:
    assert not signed("secret", b"body", signature)


async def test_a_long_comparison_is_read_page_by_page(kit: Kit) -> None:
    first = kit.sim.add_commit(REPO)
    for number in range(230):
        last = kit.sim.add_commit(REPO, f"dev{number % 3}", f"Change {number} (#{number})")
    diff = await kit.host.diff(REPO, first, last)
    assert (diff.commits, diff.unlisted, len(diff.authors)) == (230, 0, 3)
    assert len(diff.pulls) == 230


async def test_a_comparison_beyond_what_is_read_says_so(kit: Kit) -> None:
    first = kit.sim.add_commit(REPO)
    for number in range(530):
        last = kit.sim.add_commit(REPO, "ana", f"Change {number}")
    diff = await kit.host.diff(REPO, first, last)
    assert (diff.commits, diff.unlisted) == (530, 30)


async def test_what_merges_say_of_pull_requests_and_authors(kit: Kit) -> None:
    first = kit.sim.add_commit(REPO)
    merge = "Merge pull request #7 from quantivista/fast\n\nFaster"
    for message in (merge, "Safer (#8)\n\nBecause", "Safer (#8)", "(#9)", "Fix #10", ""):
        last = kit.sim.add_commit(REPO, "dan", message)
    kit.sim.repository(REPO).commits[last].linked = False
    diff = await kit.host.diff(REPO, first, last)
    assert [(one.number, one.title) for one in diff.pulls] == [(7, "Faster"), (8, "Safer")]
    assert (diff.unlinked, diff.authors) == (1, ("dan",))


async def test_packages_that_change_are_read_where_there_is_a_graph(kit: Kit) -> None:
    first, last = kit.sim.add_commit(REPO), kit.sim.add_commit(REPO)
    assert await kit.host.packages(REPO, first, last) is None
    kit.sim.packages.seed(
        REPO,
        ("removed", "requests", "2.31", ()),
        ("added", "requests", "2.32", ("GHSA-1",)),
        ("added", "six", "1.16", ()),
        ("removed", "six", "1.16", ()),
    )
    found = await kit.host.packages(REPO, first, last)
    assert [(one.name, one.before, one.after, one.advisories) for one in found or ()] == [
        ("requests", "2.31", "2.32", ("GHSA-1",))
    ]
