"""`/scan SERVICE VERSION`: everything about a version's proofs, to the one who asks."""

from inline_snapshot import snapshot

from bot.domain.facts import Known
from bot.domain.requests import ReleaseRequest
from bot.engine.queries import Queries
from integrations.simulated.server import Fault
from tests.scenarios.submitting import Sender, compliance, finding, k6, sarif, trivy
from tests.tester import ANA, REPO, Bot

DIGEST = f"sha256:{'a' * 64}"


async def scanned(bot: Bot, words: str = "payments 2.1.0") -> str:
    await bot.says(f"/scan {words}")
    return bot.told()


async def test_nothing_is_known_yet(sender: Sender) -> None:
    assert await scanned(sender.bot) == snapshot("""\
payments 2.1.0 · commit f20731cb805c
No score yet.
Compared with 2.0.5, live in production.
Nobody has submitted evidence for this commit.
◷ Missing for a whole scan: compliance, container, sast.
    release-bot evidence submit FILE --service payments --version v2.1.0 --kind compliance
✓ Code scanning of this commit: no open alert.
✓ 2 checks green.
◷ Secret scanning is not enabled for the repository.
◷ Dependabot is not enabled for the repository.\
""")


async def test_everything_at_once(sender: Sender) -> None:
    github = sender.world.github
    github.watching.enable(REPO)
    github.watching.leak(REPO, "src/keys.py", "active")
    github.watching.advise(REPO, "requirements.txt", "medium")
    github.watching.attest(REPO, DIGEST)
    old = sender.token("v2.0.5")
    await sender.submits(sarif(finding("was"), finding("is")), version="2.0.5", token=old)
    await sender.submits(sarif(finding("is"), finding("<!channel> new")), "sast")
    await sender.submits(trivy("MEDIUM", "MEDIUM"), "container", digest=DIGEST)
    await sender.submits(compliance("NON_COMPLIANT"), "compliance")
    await sender.submits(k6(200), "performance")
    assert await scanned(sender.bot) == snapshot("""\
payments 2.1.0 · commit f20731cb805c
Security score 0.95 · performance score 1.00.
Compared with 2.0.5, live in production.
✓ performance · k6 · came 16:30 · [run]
✗ compliance · compliance · written 1 Mar 09:00 · [run]
    sox non compliant, pci_dss non compliant, gdpr non compliant.
• container · Trivy · came 16:30 · [run]
    2 medium.
• sast · CodeQL 2.1 · came 16:30 · [run]
    2 high.
    Against live: new 1 high; 1 gone.
    new: high <!channel> new · src/<!channel> new.py · <!channel> new
    gone: high was · src/was.py · was
✓ Code scanning of this commit: no open alert.
✓ 2 checks green.
• Secret scanning (the repository's, whatever the version): 1 critical.
• Dependabot (the repository's, whatever the version): 1 medium.
✓ GitHub lists an attestation of image sha256:aaaaaaaaaaaa. Its signature is not verified here.\
""")


async def test_the_live_version_itself(sender: Sender) -> None:
    text = await scanned(sender.bot, "payments v2.0.5")
    assert "It is 2.0.5, live in production." in text


async def test_sources_that_are_silent_are_named(sender: Sender) -> None:
    for path in ("secret-scanning", "dependabot", "code-scanning", "check-runs"):
        sender.world.github.fail(Fault("status", path, times=None, status=502))
    await sender.submits(sarif())
    text = await scanned(sender.bot)
    assert text.count("GitHub answered 502") == 4
    assert "✓ sast" in text


async def test_an_image_without_an_attestation(sender: Sender) -> None:
    await sender.submits(trivy(), "container", digest=DIGEST)
    text = await scanned(sender.bot)
    assert "✗ GitHub lists no attestation of image sha256:aaaaaaaaaaaa." in text


async def test_it_can_be_said_in_other_ways(sender: Sender) -> None:
    await sender.bot.says("/release scan payments v2.1.0")
    assert "payments 2.1.0 · commit" in sender.bot.told()
    assert "Some words are missing" in await scanned(sender.bot, "payments")
    assert "Did you mean payments?" in await scanned(sender.bot, "paymnts 2.1.0")
    assert "has no tag" in await scanned(sender.bot, "payments 9.9.9")


async def test_facts_of_a_plan_hold_what_the_catalogue_asks_for(sender: Sender) -> None:
    bot, github = sender.bot, sender.world.github
    github.watching.advise(REPO, "requirements.txt", "high")
    await sender.submits(trivy(), "container", digest=DIGEST)
    payments = bot.app.catalog.services["payments"]
    sources = payments.evidence.model_copy(update={"alerts": ("secrets", "dependencies")})
    changed = payments.model_copy(update={"evidence": sources})
    services = {**bot.app.catalog.services, "payments": changed}
    bot.app.catalog = bot.app.catalog.model_copy(update={"services": services})
    request = ReleaseRequest(service="payments", version="v2.1.0", environment="production")
    _, _, _, facts = await Queries(bot.app.world).plan(request, bot.world.clock.now(), ANA)
    assert isinstance(facts.evidence, Known)
    assert [one.tool for one in facts.evidence.value] == ["Trivy"]
    secrets, dependencies = facts.alerts["secrets"], facts.alerts["dependencies"]
    assert isinstance(secrets, Known)
    assert secrets.value.status == "not_enabled"
    assert isinstance(dependencies, Known)
    assert dependencies.value.counts == {"high": 1}
    assert facts.attested == Known(value={DIGEST: False})


async def test_what_nobody_asks_for_is_not_pulled(sender: Sender) -> None:
    request = ReleaseRequest(service="payments", version="v2.1.0", environment="production")
    bot = sender.bot
    _, _, _, facts = await Queries(bot.app.world).plan(request, bot.world.clock.now(), ANA)
    assert facts.alerts == {}
    assert facts.attested is None
    assert not [one for one in bot.world.github.journal if "dependabot" in one.path]
