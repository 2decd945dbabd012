"""Every reason by name. A reason never changes its spelling: logs, records and tests hold it.

docs/reasons.md has a heading for each, and a test says so.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why a release is in the state that it is in, or why somebody was refused."""

    # Gates that said no.
    VERSION_UNKNOWN = "version_unknown"
    NOT_PROMOTED = "not_promoted"
    SOAKING = "soaking"
    DEPENDENCY_MISSING = "dependency_missing"
    DEPENDENCY_UNDER_WAY = "dependency_under_way"
    DEPENDENT_BREAKS = "dependent_breaks"
    CHECKS_FAILED = "checks_failed"
    CHECKS_MISSING = "checks_missing"
    CHECKS_PENDING = "checks_pending"
    SCAN_FINDINGS = "scan_findings"
    SCAN_MISSING = "scan_missing"
    SCAN_NOT_ENABLED = "scan_not_enabled"
    UNDER_WAY = "under_way"
    LOCKED = "locked"
    CLUSTER_NOT_READY = "cluster_not_ready"
    CLUSTER_FORBIDDEN = "cluster_forbidden"
    ALREADY_LIVE = "already_live"
    # A gate could not tell.
    SOURCE_UNKNOWN = "source_unknown"
    LIVE_VERSION_UNKNOWN = "live_version_unknown"
    # Waiting for people.
    NEEDS_APPROVAL = "needs_approval"
    # While it runs.
    HELD = "held"
    PAUSED_BY_PERSON = "paused_by_person"
    AWAITS_PROMOTION = "awaits_promotion"
    METRICS_MARGINAL = "metrics_marginal"
    METRICS_UNDECIDED = "metrics_undecided"
    NO_TRAFFIC = "no_traffic"
    GUARD_BROKEN = "guard_broken"
    NEEDS_ATTENTION = "needs_attention"
    # Why it failed.
    WORKFLOW_FAILED = "workflow_failed"
    WORKFLOW_MISSING = "workflow_missing"
    IMAGE_MISMATCH = "image_mismatch"
    ROLLOUT_FAILED = "rollout_failed"
    PODS_CRASH = "pods_crash"
    IMAGE_UNPULLABLE = "image_unpullable"
    PODS_MISCONFIGURED = "pods_misconfigured"
    PODS_UNSCHEDULABLE = "pods_unschedulable"
    PODS_NOT_MADE = "pods_not_made"
    PODS_UNREADY = "pods_unready"
    SMOKE_FAILED = "smoke_failed"
    ROUTE_REJECTED = "route_rejected"
    METRICS_UNHEALTHY = "metrics_unhealthy"
    PAUSE_RAN_OUT = "pause_ran_out"
    DEADLINE = "deadline"
    OBJECT_MISSING = "object_missing"
    # People's wishes.
    CANCELLED_BY_PERSON = "cancelled_by_person"
    REJECTED_BY_PERSON = "rejected_by_person"
    ROLLED_BACK_BY_PERSON = "rolled_back_by_person"
    REPAIRED_BY_PERSON = "repaired_by_person"
    APPROVAL_EXPIRED = "approval_expired"
    BLOCKED_TOO_LONG = "blocked_too_long"
    # Refusals of a person's request.
    NO_RIGHT = "no_right"
    OWN_REQUEST = "own_request"
    DIGEST_OLD = "digest_old"
    BUTTON_OLD = "button_old"
    ALREADY_SAID = "already_said"
    NOTHING_TO_DO = "nothing_to_do"
    NO_SUCH_RELEASE = "no_such_release"
    WINDOW_CLOSED = "window_closed"
    NOT_UNDERSTOOD = "not_understood"
    NOT_BUILT = "not_built"
    UNKNOWN_NAME = "unknown_name"
    WRONG_CHANNEL = "wrong_channel"
    GROUP_UNREADABLE = "group_unreadable"
    TOO_LONG = "too_long"
    NOT_SET_UP = "not_set_up"
    BUG = "bug"
    # Refusals of a report.
    EVIDENCE_EMPTY = "evidence_empty"
    EVIDENCE_MISLABELLED = "evidence_mislabelled"
    EVIDENCE_TOO_LARGE = "evidence_too_large"
    EVIDENCE_UNKNOWN_FORMAT = "evidence_unknown_format"
    EVIDENCE_UNREADABLE = "evidence_unreadable"
    EVIDENCE_WRONG_KIND = "evidence_wrong_kind"
    # Endings that went well.
    DONE = "done"
