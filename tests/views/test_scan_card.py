"""What `/scan` shows: every text of others escaped, every state in words."""

from datetime import timedelta
from typing import Any

from inline_snapshot import snapshot

from bot.domain.alerts import Alerts
from bot.domain.evidence import CaseCounts, Finding, Format, Kind
from bot.domain.facts import CheckRun, Known, Scan, Unknown
from bot.domain.scanned import Compared, Scanned
from bot.domain.severities import Severity
from bot.domain.submitted import Sender, Submitted
from bot.views.scan_card import scan
from tests.virtual import START

SILENT = Unknown(why="GitHub didn't answer for 20 s")


def report(**changes: Any) -> Submitted:
    base = {
        "id": 1,
        "service": "payments",
        "version": "v2.1.0",
        "commit": "c" * 40,
        "kind": Kind.SAST,
        "format": Format.SARIF,
        "tool": "CodeQL",
        "digest": "d",
        "received_at": START - timedelta(hours=1),
        "sender": Sender(by="oidc"),
        "clean": True,
    }
    return Submitted.model_validate(base | changes)


def scanned(*evidence: Submitted, **changes: Any) -> Scanned:
    base = {
        "service": "payments",
        "version": "v2.1.0",
        "commit": "c" * 40,
        "at": START,
        "environment": "production",
        "live": "v2.0.5",
        "evidence": evidence,
        "code_scanning": Known(value=Scan(status="analysed")),
        "checks": Known(value=(CheckRun(name="unit", conclusion="success"),)),
    }
    return Scanned.model_validate(base | changes)


def test_what_tools_and_senders_wrote_calls_nobody_and_links_nowhere() -> None:
    bad = "<!channel> <https://evil.example|x>"
    finding = Finding(
        rule=bad, severity=Severity.HIGH, said="", title=bad, path=bad, fingerprint="f"
    )
    one = report(
        tool=bad,
        part=bad,
        sender=Sender(by="token", run="https://ci.example.com/|<!channel>"),
        counts={Severity.HIGH: 1},
        new={Severity.HIGH: 1},
        gone=0,
        clean=False,
    )
    drawn = scan(scanned(one, changes={1: Compared(new=(finding,))}))
    everything = drawn.text + str(drawn.blocks)
    assert "<!channel>" not in everything
    assert "<https://evil" not in everything
    assert "|run>" not in everything


def test_states_of_reports() -> None:
    reports = [
        report(complete=False, clean=False, part="1 of 2"),
        report(kind=Kind.UNIT, tests=CaseCounts(run=4, passed=3, failed=1, skipped=0), clean=False),
        report(kind=Kind.PERFORMANCE, thresholds_failed=2, measures={"x": 1.0}, clean=False),
        report(
            new={}, gone=0, sender=Sender(by="oidc", run="https://github.com/o/r/actions/runs/1")
        ),
    ]
    assert scan(scanned(*reports)).text == snapshot("""\
*payments 2.1.0* · commit cccccccccccc
No score yet.
Compared with 2.0.5, live in production.
! *sast* · CodeQL (1 of 2) · came <!date^1772638200^{time}|15:30 UTC>
    The tool did not get through, or looked at nothing.
✗ *unit* · CodeQL · came <!date^1772638200^{time}|15:30 UTC>
    3 of 4 tests passed, 1 failed.
✗ *performance* · CodeQL · came <!date^1772638200^{time}|15:30 UTC>
    2 thresholds crossed.
✓ *sast* · CodeQL · came <!date^1772638200^{time}|15:30 UTC> · <https://github.com/o/r/actions/runs/1|run>
    Nothing found.
    The same as live.
✓ Code scanning of this commit: no open alert.
✓ 1 check green.\
""")


def test_states_of_what_is_pulled() -> None:
    shown = scanned(
        live=None,
        code_scanning=Known(value=Scan(status="analysed", high=2)),
        checks=Known(value=(CheckRun(name="<b>", conclusion=None),)),
        alerts={
            "secrets": Known(value=Alerts(status="not_enabled")),
            "dependencies": Known(
                value=Alerts(
                    status="enabled", counts={Severity.LOW: 1000}, elsewhere=4, whole=False
                )
            ),
        },
        attested=Known(value={f"sha256:{'a' * 64}": True, f"sha256:{'b' * 64}": False}),
        missing=(Kind.SAST,),
    )
    assert scan(shown).text == snapshot("""\
*payments 2.1.0* · commit cccccccccccc
No score yet.
Which version is live in production is not known.
Nobody has submitted evidence for this commit.
◷ Missing for a whole scan: sast.
    `release-bot evidence submit FILE --service payments --version v2.1.0 --kind sast`
• Code scanning of this commit: 2 high.
✗ Checks: &lt;b&gt; not green.
◷ Secret scanning is not enabled for the repository.
• Dependabot (the repository's, whatever the version): 1,000 low, and more than were read. 4 in other paths.
✓ GitHub lists an attestation of image sha256:aaaaaaaaaaaa. Its signature is not verified here.
✗ GitHub lists no attestation of image sha256:bbbbbbbbbbbb.\
""")


def test_silence_is_told() -> None:
    silent = scanned(
        environment=None,
        live=None,
        code_scanning=SILENT,
        checks=SILENT,
        alerts={"secrets": SILENT},
        attested=SILENT,
    )
    assert scan(silent).text == snapshot("""\
*payments 2.1.0* · commit cccccccccccc
No score yet.
Nobody has submitted evidence for this commit.
◷ Code scanning: GitHub didn't answer for 20 s.
◷ Checks: GitHub didn't answer for 20 s.
◷ Secret scanning: GitHub didn't answer for 20 s.
◷ Attestations: GitHub didn't answer for 20 s.\
""")


def test_there_is_an_end_to_it() -> None:
    drawn = scan(scanned(*(report(id=n) for n in range(60))))
    assert len(drawn.blocks) < 50
    assert "40 more reports are not shown." in drawn.text
    nothing = scanned(code_scanning=Known(value=Scan(status="missing")), checks=Known(value=()))
    assert "there is none" in scan(nothing).text
