"""A release: one service, one version, one environment, from request to ending."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from bot.domain.analysis import Analysis, Move
from bot.domain.baselines import Beside
from bot.domain.checks import Checked
from bot.domain.evidence import Kind
from bot.domain.facts import Diff
from bot.domain.foresight import Sight
from bot.domain.gates.result import GateResult
from bot.domain.held_back import BadRange
from bot.domain.lifecycle import ENDINGS, UNDER_WAY, State
from bot.domain.packages import PackageChange
from bot.domain.plans import Plan, PlanStep, plan_digest
from bot.domain.reasons import Reason
from bot.domain.requests import Asker, ReleaseRequest
from bot.domain.returning import Former
from bot.domain.rules import Rules
from bot.domain.severities import Severity
from bot.domain.strategies import undo_steps
from bot.domain.value import Value


class Approval(Value):
    """A named person's yes or no to one plan digest, with the roles as seen at that time."""

    release_id: str
    digest: str
    user: str
    yes: bool
    at: datetime
    roles: tuple[str, ...] = ()
    comment: str | None = None
    for_user: str | None = None
    """Whose right it was, where it was lent (Slack id)."""
    reused_from: str | None = None
    """The release for which it was given, where it is used again."""
    void: str | None = None
    """Why it does not count any more."""

    @property
    def counts(self) -> bool:
        """Whether it is a yes that counts."""
        return self.yes and self.void is None

    @property
    def holder(self) -> str:
        """Whose right it was: one right counts once, whoever used it."""
        return self.for_user or self.user


class Again(Value):
    """An earlier approval of the same version: whether it covers this release, or what differs."""

    release_id: str
    differs: tuple[str, ...] = ()

    @property
    def covers(self) -> bool:
        """Whether it is used again."""
        return not self.differs


class EvidenceChange(Value):
    """What the reports of one kind and tool say that those of the live version did not."""

    kind: Kind
    tool: str
    new: Mapping[Severity, int] = {}
    gone: int = 0


class SlotBefore(Value):
    """What a slot held before the release touched it: what `restore` puts back."""

    image: str | None
    version: str | None
    replicas: int | None


class Progress(Value):
    """How far the work is. Written by ticks only."""

    track: Literal["forward", "undo"] = "forward"
    step: int = 0
    since: datetime | None = None
    """When the present step began."""
    note: str | None = None
    """What the present step waits for, in words."""
    trouble: str | None = None
    """A fault outside that is being waited for, in words."""
    moved: bool = False
    """Whether any traffic may have moved to the new slot."""
    weight: int = 0
    """The new slot's share of traffic that was last confirmed."""
    moves: tuple[Move, ...] = ()
    """When traffic moved forward, and how far."""
    before: SlotBefore | None = None
    run_url: str | None = None
    run_number: int | None = None
    run_branch: str | None = None
    tests_run: int | None = None
    tests_passed: int | None = None
    pod: str | None = None
    """The pod by which it failed, or is in trouble."""
    checked: tuple[Checked, ...] = ()
    """How far each HTTP check of the smoke test is."""
    short_since: datetime | None = None
    """Since when fewer pods than wanted are ready in a bake."""
    full: int = 0
    """The largest size of the live slot that was seen: what the new one must be able to take."""
    beside: Beside | None = None
    """The baseline that this release has brought beside the live slot, as it last stood."""
    restarts: int | None = None
    """Restarts of the new slot's pods when traffic first came: the bake compares with it."""
    analysis: Analysis = Analysis()
    """What the metrics amount to, through all steps."""
    promoted: bool = False
    """A person wants the next step now: the bake is over as soon as the pods are well."""
    paused_by: str | None = None
    """Who paused it (Slack id); None: the bot asks."""
    pause_since: datetime | None = None
    pause_until: datetime | None = None
    """When a pause that nobody ends is ended, as the policy says."""


class Release(Value):
    """The whole row. `rules` are the catalogue's as they were when the plan was made."""

    id: str
    kind: Literal["release", "rollback"]
    request: ReleaseRequest
    asker: Asker
    created_at: datetime
    state: State
    reason: Reason | None = None
    detail: str | None = None
    """One sentence on the reason, for the card."""
    rules: Rules
    plan_text: str | None = None
    gates: tuple[GateResult, ...] = ()
    diff: Diff | None = None
    progress: Progress = Progress()
    started_at: datetime | None = None
    live_since: datetime | None = None
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    """When an open approval or a block runs out."""
    window_until: datetime | None = None
    """Until when the old version still runs and a rollback is a switch."""
    ends_as: State | None = None
    """The ending that the undo steps lead to."""
    undoes: str | None = None
    """Kind rollback: the release that it takes back."""
    former: Former | None = None
    """Kind rollback, where no switch does any more: what it releases again."""
    undone_by: str | None = None
    acted_by: str | None = None
    """Who decided the ending, where a person did (Slack id)."""
    acted_at: datetime | None = None
    needs_attention: bool = False
    locks: bool = False
    """This release's rollback holds its target locked; Cause is mended lifts it."""
    lock_before: str | None = None
    """The release whose lock this one's took the place of: what that holds back stays so."""
    weighed: tuple[str, ...] = ()
    """Rollbacks whose bad commits its gates have looked for."""
    hand_patch: str | None = None
    """For a route: the JSON Patch that would undo this by hand."""
    sights: tuple[Sight, ...] = ()
    """What the bakes can see, told before they begin."""
    again: Again | None = None
    """The earlier approval of the same version, where there is one."""
    seen: str | None = None
    """Digest of what was known of the commit: reports, checks, scan. None: not all of it is."""
    news: tuple[EvidenceChange, ...] = ()
    """What the evidence says that the live version's did not."""
    packages: tuple[PackageChange, ...] = ()
    """Packages that change since the live commit, as far as that can be read."""
    reminded: datetime | None = None
    """The moment whose reminder was given last."""
    run: int | None = None
    """GitHub's run that waits for this release at its own gate, and is its first step."""
    expected_seconds: int | None = None
    """How long it should take, from the service's own history or the plan."""

    @property
    def service(self) -> str:
        """Service name."""
        return self.request.service

    @property
    def environment(self) -> str:
        """Environment name."""
        return self.request.environment

    @property
    def version(self) -> str:
        """Version as asked for."""
        return self.request.version

    @property
    def ended(self) -> bool:
        """Whether it has come to one of the endings."""
        return self.state in ENDINGS

    @property
    def plan(self) -> Plan | None:
        """The plan, read from its stored bytes."""
        return Plan.model_validate_json(self.plan_text) if self.plan_text else None

    @property
    def plan_previous(self) -> str | None:
        """The version that was live before, from the plan."""
        return self.plan.previous if self.plan else None

    @property
    def digest(self) -> str | None:
        """Digest of the plan's stored bytes."""
        return plan_digest(self.plan_text) if self.plan_text else None

    @property
    def stands(self) -> bool:
        """Whether it is under way, or is what the target was left with."""
        return self.state in UNDER_WAY or self.state is State.SUCCEEDED

    @property
    def found_bad(self) -> str | None:
        """The version that is held back where this release holds its target locked."""
        return self.plan_previous if self._took_back else self.version

    @property
    def _took_back(self) -> bool:
        """Whether what ran before was found bad, and not what it brought."""
        return self.kind == "rollback" and self.state is not State.ROLLED_BACK

    @property
    def holds_back(self) -> BadRange | None:
        """The commits that its rollback holds back; None where nothing is (any more)."""
        plan = self.plan if self.locks else None
        if plan is None:
            return None
        new, old = (plan.version, plan.commit), (plan.previous, plan.previous_commit)
        bad, good = (old, new) if self._took_back else (new, old)
        return BadRange(
            release=self.id,
            service=self.service,
            environment=self.environment,
            repository=plan.repository,
            version=bad[0] or "unknown",
            back_to=good[0],
            good=good[1],
            bad=bad[1],
        )

    @property
    def opens_late(self) -> datetime | None:
        """When what it waits for is there, where that is after its own time is over."""
        ends = [g.until for g in self.gates if g.status == "waiting" and g.until is not None]
        opens = max(ends, default=None)
        late = opens is not None and self.expires_at is not None and opens >= self.expires_at
        return opens if late and self.state is State.BLOCKED else None

    @property
    def can_be_promoted(self) -> bool:
        """Whether there is a bake to end before its time, and nobody's hand was seen in it."""
        steps, progress = self.steps(), self.progress
        at_work = self.state in (State.RUNNING, State.PAUSED) and progress.step < len(steps)
        forward = progress.track == "forward" and self.reason not in (
            Reason.HELD,
            Reason.HALTED,
        )
        return at_work and forward and steps[progress.step].kind == "bake"

    def progressed(self, changes: Mapping[str, Any]) -> "Release":
        """Give the release with those fields of its progress changed."""
        progress = self.progress.model_copy(update=dict(changes))
        return self.model_copy(update={"progress": progress})

    def steps(self) -> tuple[PlanStep, ...]:
        """Steps of the track that it is on. The plan must be there."""
        plan = self.plan
        if plan is None:
            return ()
        if self.progress.track == "forward":
            return plan.steps
        return undo_steps(plan, moved=self.progress.moved)
