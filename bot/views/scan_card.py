"""What `/scan SERVICE VERSION` shows: scores, each report, alerts, what is missing. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from bot.domain.alerts import Alerts
from bot.domain.evidence import Finding
from bot.domain.facts import Known, Unknown
from bot.domain.gates.checks import GREEN
from bot.domain.scanned import Scanned
from bot.domain.severities import Severity
from bot.domain.sources import Pulled
from bot.domain.submitted import Submitted
from bot.domain.versions import bare
from bot.ports import Message
from bot.views import blocks
from bot.views.words import count, moment, safe

MOST_REPORTS = 20
"""Reports that one message shows."""

_NAMES: Mapping[Pulled, str] = {"secrets": "Secret scanning", "dependencies": "Dependabot"}


def scan(scanned: Scanned) -> Message:
    """Draw all of it."""
    shown = scanned.evidence[:MOST_REPORTS]
    parts = [_head(scanned), *(_report(one, scanned) for one in shown)]
    if len(scanned.evidence) > len(shown):
        parts.append(f"{len(scanned.evidence) - len(shown)} more reports are not shown.")
    if scanned.missing:
        parts.append(_missing(scanned))
    parts.append("\n".join(_pulled(scanned)))
    text = "\n".join(parts)
    return Message(text=text, blocks=tuple(blocks.section(part) for part in parts))


def _head(scanned: Scanned) -> str:
    lines = [f"*{safe(scanned.service)} {bare(scanned.version)}* · commit {scanned.commit[:12]}"]
    scores = [
        f"{name} {value:.2f}"
        for name, value in (
            ("security score", scanned.scores.security),
            ("performance score", scanned.scores.performance),
        )
        if value is not None
    ]
    lines.append(f"{' · '.join(scores) or 'No score yet'}.".capitalize())
    if scanned.live is not None and scanned.environment is not None:
        same = "It is" if bare(scanned.live) == bare(scanned.version) else "Compared with"
        lines.append(f"{same} {bare(scanned.live)}, live in {safe(scanned.environment)}.")
    elif scanned.environment is not None:
        lines.append(f"Which version is live in {safe(scanned.environment)} is not known.")
    if not scanned.evidence:
        lines.append("Nobody has submitted evidence for this commit.")
    return "\n".join(lines)


def _report(one: Submitted, scanned: Scanned) -> str:
    changes = scanned.changes.get(one.id)
    lines = [f"{_mark(one)} *{one.kind}* · {_tool(one)} · {_when(one, scanned.at)}{_link(one)}"]
    lines += [f"    {fact}" for fact in _facts(one)]
    if one.new is not None:
        lines.append(f"    {_trend(one)}")
    if changes is not None:
        lines += _named("new", changes.new)
        lines += _named("gone", changes.gone)
    return "\n".join(lines)


FOUND = "•"
"""Something was found. Whether that is too much is for each environment's policy to say."""


def _mark(one: Submitted) -> str:
    if not one.complete:
        return "!"
    if one.clean:
        return "✓"
    return FOUND if one.counts and not _failed(one) else "✗"


def _failed(one: Submitted) -> bool:
    """Whether something in it failed by its own measure, whatever policy says."""
    untested = one.tests is not None and (one.tests.failed > 0 or one.tests.run == 0)
    return untested or one.thresholds_failed > 0 or "NON_COMPLIANT" in one.frameworks.values()


def _tool(one: Submitted) -> str:
    version = f" {one.tool_version}" if one.tool_version else ""
    part = f" ({one.part})" if one.part else ""
    return safe(f"{one.tool}{version}{part}")


def _when(one: Submitted, now: datetime) -> str:
    if one.written_at is not None:
        return f"written {moment(one.written_at, now)}"
    return f"came {moment(one.received_at, now)}"


def _link(one: Submitted) -> str:
    run = one.sender.run
    # A bar or a bracket would end the link early.
    if run is None or not run.startswith(("https://", "http://")) or set(run) & set("|<>"):
        return ""
    return f" · <{safe(run)}|run>"


def _facts(one: Submitted) -> Iterator[str]:
    if not one.complete:
        yield "The tool did not get through, or looked at nothing."
    if one.counts:
        yield f"{_counts(one.counts)}."
    elif one.tests is None and not one.frameworks and not one.measures and one.complete:
        yield "Nothing found."
    if one.tests is not None and not one.tests.run:
        yield "No test was run."
    elif one.tests is not None:
        failed = f", {one.tests.failed} failed" if one.tests.failed else ""
        yield f"{one.tests.passed:,} of {count(one.tests.run, 'test')} passed{failed}."
    if one.thresholds_failed:
        yield f"{count(one.thresholds_failed, 'threshold')} crossed."
    if one.frameworks:
        told = (f"{name} {said.lower().replace('_', ' ')}" for name, said in one.frameworks.items())
        yield f"{', '.join(told)}."


def _counts(counts: Mapping[Severity, int]) -> str:
    return ", ".join(f"{counts[s]:,} {s}" for s in Severity if counts.get(s))


def _trend(one: Submitted) -> str:
    if not one.new and not one.gone:
        return "The same as live."
    new = f"new {_counts(one.new)}" if one.new else "nothing new"
    return f"Against live: {new}; {one.gone or 0:,} gone."


def _named(what: str, findings: tuple[Finding, ...]) -> list[str]:
    return [f"    {what}: {_finding(one)}" for one in findings]


def _finding(one: Finding) -> str:
    """Name a finding. Its texts were masked when it was read; here they are escaped."""
    place = f"{one.package} {one.version}".strip() or one.path
    line = f":{one.line}" if one.line and not one.package else ""
    said = [f"{one.severity} {one.rule}", f"{place}{line}", one.title]
    return safe(blocks.cut(" · ".join(part for part in said if part), 200))


def _missing(scanned: Scanned) -> str:
    kinds = ", ".join(kind.value for kind in scanned.missing)
    kind = scanned.missing[0].value
    command = (
        f"release-bot evidence submit FILE --service {scanned.service} "
        f"--version {scanned.version} --kind {kind}"
    )
    return f"◷ Missing for a whole scan: {kinds}.\n    `{safe(command)}`"


def _pulled(scanned: Scanned) -> Iterator[str]:
    yield _code_scanning(scanned)
    yield _checks(scanned)
    for kind, found in scanned.alerts.items():
        yield _alerts(_NAMES[kind], found)
    if isinstance(scanned.attested, Unknown):
        yield f"◷ Attestations: {safe(scanned.attested.why)}."
    elif scanned.attested is not None:
        for digest, listed in scanned.attested.value.items():
            yield _attestation(digest, listed=listed)


def _code_scanning(scanned: Scanned) -> str:
    found = scanned.code_scanning
    if isinstance(found, Unknown):
        return f"◷ Code scanning: {safe(found.why)}."
    scan_, name = found.value, "Code scanning of this commit"
    if scan_.status == "not_enabled":
        return f"◷ {name} is not enabled."
    if scan_.status == "missing":
        return f"◷ {name}: there is none."
    counts = {
        Severity.CRITICAL: scan_.critical,
        Severity.HIGH: scan_.high,
        Severity.MEDIUM: scan_.medium,
        Severity.LOW: scan_.low,
    }
    said = _counts(counts)
    return f"{FOUND if said else '✓'} {name}: {said or 'no open alert'}."


def _checks(scanned: Scanned) -> str:
    found = scanned.checks
    if isinstance(found, Unknown):
        return f"◷ Checks: {safe(found.why)}."
    bad = [one.name for one in found.value if one.conclusion not in GREEN]
    if not found.value:
        return "◷ Checks of this commit: there is none."
    if bad:
        return f"✗ Checks: {safe(', '.join(sorted(bad)[:5]))} not green."
    return f"✓ {count(len(found.value), 'check')} green."


def _alerts(name: str, found: Known[Alerts] | Unknown) -> str:
    if isinstance(found, Unknown):
        return f"◷ {name}: {safe(found.why)}."
    alerts = found.value
    if alerts.status == "not_enabled":
        return f"◷ {name} is not enabled for the repository."
    said = _counts(alerts.counts)
    more = "" if alerts.whole else ", and more than were read"
    elsewhere = f" {alerts.elsewhere:,} in other paths." if alerts.elsewhere else ""
    return (
        f"{FOUND if said else '✓'} {name} (the repository's, whatever the version): "
        f"{said or 'no open alert'}{more}.{elsewhere}"
    )


def _attestation(digest: str, *, listed: bool) -> str:
    image = digest[:19]
    if listed:
        return (
            f"✓ GitHub lists an attestation of image {image}. Its signature is not verified here."
        )
    return f"✗ GitHub lists no attestation of image {image}."
