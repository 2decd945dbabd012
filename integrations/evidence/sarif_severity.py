"""How severe a SARIF result is: the first of these that tells. Pure; docs/evidence.md has the list.

1. a kind that leaves it to a person (`open`, `review`): unknown
2. a tool that finds secrets (Gitleaks names no severity): as in Gitleaks' own JSON
3. `security-severity` of the result, then of its rule: GitHub's bands, or a word
4. Bandit's `issue_severity`
5. the result's level, the rule's default level, and SARIF's default: warning
"""

from bot.domain.severities import (
    SECRET_UNTRIED,
    Severity,
    of_level,
    of_security_severity,
    of_word,
)
from integrations.evidence.sarif_parts import Bag, Result, Rule, Run

SECRET_TOOLS = frozenset({"gitleaks"})


def rule_of(run: Run, result: Result) -> Rule | None:
    """Find a result's rule: by its index, else by its id, in the extension that it names.

    An index beside an id that belongs to another rule is wrong; the id holds. An id may be finer
    than the rule's: `CA1000/1` is of `CA1000` (SARIF 3.27.5).
    """
    given = result.given
    rules = run.tool.driver.rules
    extensions = run.tool.extensions
    if given.component and 0 <= given.component.index < len(extensions):
        rules = extensions[given.component.index].rules
    if 0 <= given.index < len(rules) and _is_of(given.id, rules[given.index]):
        return rules[given.index]
    everywhere = (rules, run.tool.driver.rules, *(one.rules for one in extensions))
    return next((r for some in everywhere for r in some if r.id and _is_of(given.id, r)), None)


def _is_of(given: str, rule: Rule) -> bool:
    return not given or given == rule.id or given.startswith(f"{rule.id}/")


def level_of(result: Result, rule: Rule | None) -> str:
    """Say which level holds (SARIF 3.27.10)."""
    if result.level:
        return result.level
    if result.kind != "fail":
        return "none"
    return (rule and rule.defaults and rule.defaults.level) or "warning"


def severity_of(run: Run, result: Result, rule: Rule | None) -> Severity:
    """Bring a result's severity to the one scale."""
    if result.kind != "fail":
        return Severity.UNKNOWN
    if run.tool.driver.name.lower() in SECRET_TOOLS:
        return SECRET_UNTRIED
    own = result.properties or Bag()
    ruled = (rule.properties if rule else None) or Bag()
    for said in (own.security, ruled.security):
        found = of_security_severity(said) if said is not None else None
        if found is not None:
            return found
    if own.bandit:
        return of_word(own.bandit)
    return of_level(level_of(result, rule))
