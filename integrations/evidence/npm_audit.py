"""`npm audit --json`: version 2 (npm 7 and later), and the older one that pnpm writes too.

Version 2 counts vulnerable packages, those included that only depend on one, as npm's own summary
does; the older one counts advisories. What the file says in its summary is not used.
"""

from typing import Any

from bot.domain.evidence import Finding, Format, Report, fingerprint
from bot.domain.masking import one_line
from bot.domain.severities import of_word
from bot.domain.value import Value
from integrations.evidence.parts import Rows, Text, gathered, shaped, short
from integrations.evidence.reading import Content, unreadable

FORMAT = Format.NPM_AUDIT
EMPTY = Report(format=FORMAT, tool="npm audit")


class _Package(Value):
    name: str
    severity: Text = ""
    range: Text = ""
    via: Rows[object] = ()
    """Advisories as objects, packages that it depends on as names."""


class _Version2(Value):
    vulnerabilities: dict[str, _Package]


class _Advisory(Value):
    module_name: str
    title: Text = ""
    severity: Text = ""
    id: int | str = ""
    vulnerable_versions: Text = ""


class _Version1(Value):
    advisories: dict[str, _Advisory]


def recognise(content: Content) -> bool:
    """Tell by its version, by advisories beside a summary, or by how npm says that it failed."""
    return (
        content.has("auditReportVersion")
        or content.has("advisories", "metadata")
        or _error(content) is not None
    )


def _error(content: Content) -> dict[str, Any] | None:
    error = content.data["error"] if content.has("error") else None
    return error if isinstance(error, dict) and {"code", "summary"} <= error.keys() else None


def read(content: Content) -> Report:
    """Read it. Raises UserError where npm says that it could not audit."""
    error = _error(content)
    if error is not None:
        said = one_line(f"{error['code']}: {error['summary']}", 120)
        unreadable(f"npm audit failed ({said}), so there is no report.")
    if content.has("advisories"):
        old = shaped(_Version1, content.data, "npm audit")
        found = gathered(map(_of_advisory, old.advisories.values()))
    elif content.data.get("auditReportVersion") == 2:  # noqa: PLR2004 - its version
        new = shaped(_Version2, content.data, "npm audit")
        found = gathered(map(_of_package, new.vulnerabilities.values()))
    else:
        unreadable("This version of npm audit's report is not known; 2 is.")
    return Report(format=FORMAT, tool="npm audit", findings=found)


def _of_package(package: _Package) -> Finding:
    advisories = [one for one in package.via if isinstance(one, dict)]
    title = next((str(one["title"]) for one in advisories if "title" in one), "")
    if not title:
        title = f"Depends on {', '.join(str(one) for one in package.via[:5])}"
    rule = next((str(one["url"]) for one in advisories if "url" in one), "").rpartition("/")[2]
    return _found(rule or package.name, package.severity, title, package.name, package.range)


def _of_advisory(one: _Advisory) -> Finding:
    rule = str(one.id)
    return _found(rule, one.severity, one.title, one.module_name, one.vulnerable_versions)


def _found(rule: str, severity: str, title: str, package: str, versions: str) -> Finding:
    return Finding(
        rule=short(rule),
        severity=of_word(severity),
        said=short(severity, 40),
        title=short(title),
        package=short(package),
        version=short(versions),
        fingerprint=fingerprint(FORMAT, rule, package),
    )
