"""SARIF 2.1.0 (OASIS), which CodeQL, Semgrep, Trivy, Gitleaks, Bandit and many others write.

What counts: results of kind `fail` (the default), that nobody suppressed and that the baseline does
not call absent, of all runs. The severity of each comes from `sarif_severity`. Snippets and
properties are not kept: with Gitleaks they hold the secret and its author.
"""

from collections.abc import Iterator

from bot.domain.evidence import Finding, Format, Report, fingerprint
from integrations.evidence.parts import gathered, line_number, moment, shaped, short
from integrations.evidence.reading import Content, unreadable
from integrations.evidence.sarif_parts import File, Result, Run
from integrations.evidence.sarif_severity import level_of, rule_of, severity_of

FORMAT = Format.SARIF
EMPTY = Report(format=FORMAT, tool="SARIF")

VERSION = "2.1.0"

# What the tool found to be well, or only remarks. `open` and `review` ask for a person: they count.
NO_FINDING = frozenset({"pass", "notApplicable", "informational"})

FINGERPRINTS = ("primaryLocationLineHash", "matchBasedId/v1")
"""GitHub's, which is CodeQL's; and Semgrep's. Others put a commit and its author there."""


def recognise(content: Content) -> bool:
    """Tell by its runs beside its version or schema."""
    return content.has("runs", "version") or content.has("runs", "$schema")


def read(content: Content) -> Report:
    """Read it. A file without a run, and a run without a list of results, prove nothing."""
    file = shaped(File, content.data, "SARIF")
    if file.version != VERSION:
        unreadable(f"SARIF {short(file.version, 20)} is not known; {VERSION} is.")
    counted = [(run, one) for run in file.runs for one in run.results or () if _counts(one)]
    kept = [(run, one) for run, one in counted if not _is_suppressed(one)]
    times = [moment(call.ended) for run in file.runs for call in run.invocations]
    return Report(
        format=FORMAT,
        tool=_each(run.tool.driver.name for run in file.runs) or "SARIF",
        tool_version=_each(run.tool.driver.said_version for run in file.runs),
        written_at=max((at for at in times if at), default=None),
        complete=bool(file.runs) and all(_got_through(run) for run in file.runs),
        findings=gathered(_finding(run, one) for run, one in kept),
        suppressed=len(counted) - len(kept),
    )


def _each(texts: Iterator[str]) -> str:
    """Name each once: several runs are often of one tool."""
    return short(", ".join(dict.fromkeys(text for text in texts if text)))


def _got_through(run: Run) -> bool:
    if run.results is None or (run.elsewhere and run.elsewhere.results):
        return False
    return all(call.succeeded is not False for call in run.invocations)


def _counts(result: Result) -> bool:
    return result.kind not in NO_FINDING and result.baseline != "absent"


def _is_suppressed(result: Result) -> bool:
    """Whether there is a suppression, and none that is argued about or refused (SARIF 3.27.23)."""
    states = {one.status for one in result.suppressions}
    return states == {"accepted"}


def _finding(run: Run, result: Result) -> Finding:
    rule, given = rule_of(run, result), result.given
    name = given.id or (rule.id if rule else "")
    place = next(iter(result.locations), None)
    physical = place.physical if place else None
    region = physical.region if physical else None
    path = physical.artifact.uri if physical and physical.artifact else ""
    title = result.message.text or (rule.title if rule else "")
    marks = [f"{key}={value}" for key, value in result.fingerprints_given(FINGERPRINTS)]
    return Finding(
        rule=short(name),
        severity=severity_of(run, result, rule),
        said=short(level_of(result, rule), 40),
        title=short(title),
        path=short(path),
        line=line_number(region.start) if region else None,
        fingerprint=fingerprint(FORMAT, run.tool.driver.name, name, path, *marks or [short(title)]),
    )
