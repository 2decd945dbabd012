"""Gitleaks 8's own JSON (`gitleaks … --report-format json`): a list, `[]` where nothing was found.

Keeps the rule and the place of a secret. The secret, the match around it, the author and the
commit's message are not read at all.
"""

from pydantic import Field

from bot.domain.evidence import Finding, Format, Report, fingerprint
from bot.domain.severities import SECRET_UNTRIED
from bot.domain.value import Value
from integrations.evidence.parts import Rows, Text, gathered, line_number, shaped, short
from integrations.evidence.reading import Content

FORMAT = Format.GITLEAKS
EMPTY = Report(format=FORMAT, tool="Gitleaks")


class _Leak(Value):
    rule: str = Field(alias="RuleID")
    description: Text = Field("", alias="Description")
    file: Text = Field("", alias="File")
    line: int | None = Field(None, alias="StartLine")
    commit: Text = Field("", alias="Commit")


class _File(Value):
    leaks: Rows[_Leak]


def recognise(content: Content) -> bool:
    """Tell by what every leak has."""
    return content.listed("RuleID", "Secret", "File")


def read(content: Content) -> Report:
    """Read it."""
    file = shaped(_File, {"leaks": content.data}, "Gitleaks")
    return Report(format=FORMAT, tool="Gitleaks", findings=gathered(map(_finding, file.leaks)))


def _finding(leak: _Leak) -> Finding:
    return Finding(
        rule=short(leak.rule),
        severity=SECRET_UNTRIED,
        said="not tried",
        title=short(leak.description),
        path=short(leak.file),
        line=line_number(leak.line),
        # As Gitleaks makes its own: a line in a commit stays where it is.
        fingerprint=fingerprint(FORMAT, leak.commit, leak.file, leak.rule, str(leak.line)),
    )
