"""Lines of a release's thread: one a turn, past tense, with who or how long (voice.md).

One symbol a line at most, and the line means the same without it.
"""

from datetime import datetime, timedelta
from typing import Literal

from bot.domain.facts import CopyFact, PodTrouble, SlotFact
from bot.domain.plans import Plan
from bot.domain.releases import Release
from bot.domain.returning import Former
from bot.domain.versions import bare
from bot.views.words import count, moment, person, safe, told, took


def cancelled(user: str) -> str:
    """Somebody withdrew it before anything began."""
    return f"✗ {person(user)} cancelled this. Nothing was changed."


def cancelling(user: str) -> str:
    """Somebody withdrew it while it ran, before traffic moved."""
    return f"↩ {person(user)} cancelled this. Traffic was not touched; the idle slot is put back."


def rollback_asked(user: str) -> str:
    """Somebody pressed Roll back."""
    return f"↩ {person(user)} asked to roll back."


def return_asked(user: str, former: Former, now: datetime) -> str:
    """Somebody goes back to what ran before, when no switch does any more."""
    ran = f", which ran here until {moment(former.until, now)}" if former.until else ""
    return f"↩ {person(user)} asked to go back to {bare(former.version)}{ran}."


def plan_changed(what: str) -> str:
    """The approvals no longer cover the plan."""
    return f"! The plan changed: {safe(what)}. Approvals of the old plan are void."


def blocked(sentence: str) -> str:
    """A gate said no, or could not tell, after the request was accepted."""
    return f"◷ Blocked: {told(sentence)}"


def waits(user: str, opens: datetime, now: datetime) -> str:
    """Somebody lets it wait for longer than its time would last."""
    return f"◷ {person(user)} lets it wait until {moment(opens, now)}. It goes on by itself then."


def ran_out(*, approval: bool) -> str:
    """Nobody decided in time."""
    what = "Nobody approved in time" if approval else "It stayed blocked until its time was over"
    return f"✗ {what}. Nothing was changed. Ask again when it suits."


def started(plan: Plan) -> str:
    """The work began."""
    version, where = bare(plan.version), plan.where(plan.live)
    if plan.strategy == "workflow":
        return f"✓ Started: {safe(plan.steps[0].workflow or '')} brings {version}."
    if plan.in_place:
        return f"✓ Started: {version} replaces {bare(plan.previous or 'what runs')} on {where}."
    return f"✓ Started: {version} goes to {plan.goes_to}; {plan.live} keeps the traffic."


def run_started(workflow: str, run_id: int, url: str) -> str:
    """A workflow run was dispatched, or found to be under way."""
    return f"✓ {safe(workflow)} <{url}|run {run_id}> was started."


def run_taken(workflow: str, run_id: int, url: str) -> str:
    """A run that waited at GitHub's gate is the release's own now."""
    return f"✓ {safe(workflow)} <{url}|run {run_id}>, which waited at GitHub, is the first step."


def polled(interval: timedelta) -> str:
    """Behind what a run does: nobody tells of its end, so it is looked for."""
    return f". GitHub is polled every {took(interval)}: no webhooks arrive"


def run_finished(workflow: str, run_id: int, url: str, duration: timedelta | None) -> str:
    """A workflow run ended well."""
    lasted = f" in {took(duration)}" if duration else ""
    return f"✓ {safe(workflow)} <{url}|run {run_id}> finished{lasted}."


def deployed(version: str, where: str) -> str:
    """The slot has the version at its full size."""
    return f"✓ {bare(version)} is set on {where}."


def pods_ready(version: str, slot: SlotFact, where: str) -> str:
    """The slot's rollout is complete."""
    return f"✓ {bare(version)} is on {where}, {ready(slot)}."


def old_slot_serves(slot: SlotFact, where: str) -> str:
    """After going back: the old slot has the traffic and is whole."""
    return f"✓ {where.capitalize()} serves: {ready(slot)}."


def ready(slot: CopyFact) -> str:
    """Write how many pods are ready."""
    return f"{slot.ready} of {slot.wanted} pods ready"


def unready(slot: CopyFact) -> str:
    """Write how many pods are ready, and how many a probe keeps from it."""
    probed = f"; {count(slot.probed, 'pod')} run, and the readiness probe says no"
    return f"{ready(slot)}{probed if slot.probed else ''}"


def smoke_passed(run: int | None, passed: int | None, url: str) -> str:
    """The smoke workflow succeeded; without a JUnit artifact there is no number."""
    if run is None:
        return f"✓ <{url}|Smoke> passed. It left no test counts."
    return f"✓ <{url}|Smoke>: {passed} of {count(run, 'test')} passed."


def checks_passed(number: int) -> str:
    """Every HTTP check of the smoke test was answered as it must be."""
    return f"✓ Smoke: {number} of {count(number, 'check')} passed."


def job_started(job: str, cronjob: str) -> str:
    """A Job was started from the team's CronJob, or found to be under way."""
    return f"✓ Job {safe(job)} was started from CronJob {safe(cronjob)}."


def job_passed(job: str) -> str:
    """The Job succeeded; a Job leaves no counts."""
    return f"✓ Smoke: Job {safe(job)} passed. It left no test counts."


def job_left(job: str, why: str) -> str:
    """A Job that is of no use any more could not be deleted."""
    return f"! Job {safe(job)} may still run, and could not be deleted: {safe(why)}."


def shifted(weight: int, slot: str, at: datetime, now: datetime) -> str:
    """Traffic moved to that share, and what really holds confirmed it."""
    return f"✓ {weight} % on {slot} since {moment(at, now)}."


def baked(weight: int, slot: SlotFact, seconds: int) -> str:
    """A weight held for its time."""
    return f"✓ {weight} % held for {took(timedelta(seconds=seconds))}: {ready(slot)}."


def promoted(weight: int, slot: SlotFact) -> str:
    """A person let a bake end before its time; the pods were looked at all the same."""
    return f"✓ {weight} % ended early, as asked: {ready(slot)}."


def paused(user: str, until: str, then: str) -> str:
    """A person stopped it where it is."""
    return f"◷ {person(user)} paused this. If nobody resumes it by {until}, {then}."


def asked(sentence: str, until: str, then: str) -> str:
    """The bot can't decide this alone, or was told to ask."""
    default = f"If nobody decides by {until}, {then}."
    return f"! {safe(sentence)} Promote goes on, Roll back goes back. {default}"


def promote_asked(user: str) -> str:
    """A person wants the next step now."""
    return f"✓ {person(user)} promoted it: the next step comes as soon as the pods are well."


def pause_over(then: str) -> str:
    """Nobody ended a pause in time."""
    return f"◷ Nobody decided in time: {then}."


def then(ending: Literal["rollback", "go-on"]) -> str:
    """Say how a pause that nobody ends is ended."""
    return "it goes on" if ending == "go-on" else "it goes back"


def traffic_back(slot: str, at: datetime, now: datetime, since: datetime | None) -> str:
    """Traffic is on the old slot again; how long after the decision."""
    after = f", {took(at - since)} after the decision" if since else ""
    return f"↩ Traffic is back on {slot} since {moment(at, now)}{after}."


def succeeded(release: Release, now: datetime) -> str:
    """The release is live and settled."""
    since = release.live_since or now
    lasted = f", in {took(since - release.started_at)}" if release.started_at else ""
    return f"✓ {bare(release.version)} is live since {moment(since, now)}{lasted}."


def undoing(sentence: str, plan: Plan, *, moved: bool) -> str:
    """Something failed, and the bot takes the release back."""
    next_ = "Traffic goes back first." if moved else "No traffic had moved; the slot is put back."
    if plan.in_place:
        previous = bare(plan.previous or "what ran before")
        next_ = f"{previous} comes back in its place." if moved else "Nothing had been replaced."
    return f"✗ {safe(sentence)} {next_}"


def slot_restored(where: str) -> str:
    """The slot is as it was before the release."""
    return f"✓ {where.capitalize()} is as it was before."


def held_back(release: Release, authors: list[str]) -> str:
    """After a rollback: what was taken back is locked, here and wherever its commits are."""
    called = " ".join(authors)
    whose = f" {called}: your commits are in it." if called else ""
    bad = release.found_bad or "The version"
    return f"! {bare(bad)} is held back in {release.environment}, and its commits elsewhere.{whose}"


def mended(user: str, release: Release) -> str:
    """Somebody lifted the lock."""
    bad = bare(release.found_bad or "the version")
    return (
        f"✓ {person(user)} says that the cause is mended. {bad} and its commits can be released "
        "again, everywhere."
    )


def held(sentence: str) -> str:
    """The world is as nobody here left it."""
    return f"! Held: {safe(sentence)} Look at it, then Resume or Roll back."


def resumed(user: str) -> str:
    """Somebody let a held release go on."""
    return f"✓ {person(user)} resumed it from what is there now."


def attention(sentence: str, command: str) -> str:
    """A rollback can't finish."""
    return (
        f"! The rollback can't finish: {safe(sentence)} It keeps trying. By hand: `{safe(command)}`"
    )


def repaired(user: str, sentence: str) -> str:
    """Somebody said that they repaired it, and the cluster was read again."""
    return f"✓ {person(user)} repaired it by hand. {safe(sentence)}"


def scaled_down(slot: str, size: int) -> str:
    """The rollback window is over, and the old slot is smaller."""
    return f"✓ {slot.capitalize()} keeps {count(size, 'pod')}: the rollback window is over."


def undone(by: str, user: str | None) -> str:
    """On the release that a rollback took back."""
    who = f" by {person(user)}" if user else ""
    return f"↩ Rolled back{who} in {by}."


def pod_trouble(where: str, trouble: PodTrouble) -> str:
    """Say what is wrong with a pod, in the cluster's word and in ours."""
    meaning = _MEANING.get(trouble.word, "does not become ready")
    message = f": {trouble.message.rstrip('.')[:200]}" if trouble.message else ""
    return f"{where.capitalize()} pod {trouble.pod} {meaning} ({trouble.word}{message})."


_MEANING = {
    "CrashLoopBackOff": "crashes again and again",
    "OOMKilled": "ran out of memory",
    "ImagePullBackOff": "can't pull its image",
    "ErrImagePull": "can't pull its image",
    "InvalidImageName": "has an image name that is not valid",
    "CreateContainerConfigError": "lacks a ConfigMap or Secret that it needs",
    "CreateContainerError": "could not be created",
    "RunContainerError": "could not be started",
    "Unschedulable": "finds no node",
    "QuotaExceeded": "can't be made: the namespace's quota is used up",
    "FailedCreate": "can't be made",
}
