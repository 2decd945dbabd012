"""The tables. Columns are what queries need; the rest of a row is its value as JSON in `body`.

Changed only by a migration that suits the release still running: expand, migrate, contract.
"""

from datetime import datetime

from sqlalchemy import BigInteger, Column, Index, Table, Text, text
from sqlmodel import Field, SQLModel

_UNDER_WAY = text("state IN ('queued', 'running', 'paused', 'rolling_back')")


class ReleaseRow(SQLModel, table=True):
    """A release. `fence` and the lease are used while it only waits; later its target's are."""

    __tablename__ = "releases"
    __table_args__ = (
        Index("ix_releases_due", "due_at"),
        Index("ix_releases_place", "service", "environment", "created_at"),
        Index("ix_releases_state", "state"),
        Index(
            "uq_releases_under_way",
            "service",
            "environment",
            unique=True,
            sqlite_where=_UNDER_WAY,
            postgresql_where=_UNDER_WAY,
        ),
    )

    id: str = Field(primary_key=True, max_length=16)
    request_key: str = Field(unique=True, max_length=255)
    service: str
    environment: str
    state: str
    due_at: datetime | None = None
    created_at: datetime
    ended_at: datetime | None = None
    fence: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = None
    body: str = Field(sa_column=Column(Text, nullable=False))


class TargetRow(SQLModel, table=True):
    """One service in one environment: its fence, its lease, its lock."""

    __tablename__ = "targets"

    service: str = Field(primary_key=True)
    environment: str = Field(primary_key=True)
    fence: int = 0
    lease_owner: str | None = None
    lease_until: datetime | None = None
    lock_holder: str | None = None
    lock_why: str | None = None
    lock_by: str | None = None
    lock_since: datetime | None = None


class EnvironmentRow(SQLModel, table=True):
    """One environment's counter of starts: raising it makes starts follow one another."""

    __tablename__ = "environments"

    name: str = Field(primary_key=True)
    starts: int = 0


class InboxRow(SQLModel, table=True):
    """What Slack sent and we acknowledged: never lost, worked off once."""

    __tablename__ = "inbox"
    __table_args__ = (Index("ix_inbox_due", "due_at"),)

    key: str = Field(primary_key=True, max_length=255)
    body: str = Field(sa_column=Column(Text, nullable=False))
    received_at: datetime
    due_at: datetime | None = None
    done_at: datetime | None = None
    attempts: int = 0
    lease_until: datetime | None = None


class WishRow(SQLModel, table=True):
    """What a person asked of a release under way. A tick reads it before it acts."""

    __tablename__ = "wishes"
    __table_args__ = (Index("ix_wishes_open", "release_id", "taken_at"),)

    key: str = Field(primary_key=True, max_length=255)
    release_id: str
    kind: str
    by: str
    at: datetime
    taken_at: datetime | None = None


class ApprovalRow(SQLModel, table=True):
    """One person's answer to one plan digest."""

    __tablename__ = "approvals"

    release_id: str = Field(primary_key=True)
    digest: str = Field(primary_key=True)
    user: str = Field(primary_key=True)
    yes: bool
    at: datetime
    roles: str = ""
    comment: str | None = None
    for_user: str | None = None
    reused_from: str | None = None
    used_by: str | None = None
    """The release for which it was used again."""
    void: str | None = None


class IntentRow(SQLModel, table=True):
    """What a step is about to do, written before it does it, and what came of it."""

    __tablename__ = "intents"
    __table_args__ = (Index("ix_intents_result", "result"),)

    release_id: str = Field(primary_key=True)
    effect: str = Field(primary_key=True)
    at: datetime
    result: str | None = None
    result_at: datetime | None = None


class LedgerRow(SQLModel, table=True):
    """What ran where from when to when. `until` None: it runs now, as the bot last saw it."""

    __tablename__ = "ledger"
    __table_args__ = (
        Index("ix_ledger_place", "service", "environment", "since"),
        Index(
            "uq_ledger_now",
            "service",
            "environment",
            unique=True,
            sqlite_where=text("until IS NULL"),
            postgresql_where=text("until IS NULL"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    service: str
    environment: str
    version: str
    commit: str | None = None
    slot: str | None = None
    image: str | None = None
    since: datetime
    until: datetime | None = None
    source: str
    release_id: str | None = None
    ended_by: str | None = None


class CardRow(SQLModel, table=True):
    """A release's live card: where it is, which version of it is wanted, which was sent."""

    __tablename__ = "cards"
    __table_args__ = (Index("ix_cards_due", "due_at"),)

    release_id: str = Field(primary_key=True)
    channel: str
    ts: str | None = None
    wanted: int = 1
    sent: int = 0
    due_at: datetime | None = None
    urgent: bool = True
    attempts: int = 0
    posting: int = 0
    """Number of the card that is being posted: a deleted one is followed by a new number."""


class OutboxRow(SQLModel, table=True):
    """A message to deliver: a thread line, a reply to one person, a post to a channel."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_due", "due_at"),
        Index("ix_outbox_release", "release_id", "kind", "due_at"),
    )

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True, max_length=255)
    kind: str
    release_id: str | None = None
    channel: str
    user: str | None = None
    thread: str | None = None
    body: str = Field(sa_column=Column(Text, nullable=False))
    batch: str | None = None
    """Lines that go out as one message share it; written before the message is sent."""
    created_at: datetime
    due_at: datetime | None = None
    sent_at: datetime | None = None
    attempts: int = 0


class WebhookRow(SQLModel, table=True):
    """Webhooks seen, by delivery id and by the body's hash: the id is outside the signature."""

    __tablename__ = "webhooks"
    __table_args__ = (
        Index("ix_webhooks_delivery", "delivery"),
        Index("ix_webhooks_repository", "repository", "event", "at"),
    )

    body_hash: str = Field(primary_key=True, max_length=64)
    delivery: str
    at: datetime
    repository: str | None = None
    event: str | None = None
    """Both None: the version before this one took it."""


class CatalogRow(SQLModel, table=True):
    """Each catalogue that was loaded, by fingerprint; the newest row is in force."""

    __tablename__ = "catalogs"

    id: int | None = Field(default=None, primary_key=True)
    fingerprint: str
    loaded_at: datetime
    body: str = Field(sa_column=Column(Text, nullable=False))


class JobRow(SQLModel, table=True):
    """One run of a scheduled job: whoever inserts it does it."""

    __tablename__ = "jobs"

    name: str = Field(primary_key=True)
    due: datetime = Field(primary_key=True)


class EventRow(SQLModel, table=True):
    """An event that happened. `seq` is the order in which they did, `body` all of it as JSON."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_release", "release_id"),)

    seq: int | None = Field(default=None, primary_key=True)
    id: str = Field(unique=True, max_length=64)
    type: str
    service: str
    release_id: str
    at: datetime
    body: str = Field(sa_column=Column(Text, nullable=False))


class DeliveryRow(SQLModel, table=True):
    """One event on its way to one sink: delivered, dead, or due again."""

    __tablename__ = "deliveries"
    __table_args__ = (
        Index("ix_deliveries_due", "due_at"),
        Index(
            "ix_deliveries_order",
            "sink",
            "service",
            "seq",
            sqlite_where=text("due_at IS NOT NULL"),
            postgresql_where=text("due_at IS NOT NULL"),
        ),
    )

    event_id: str = Field(primary_key=True, max_length=64)
    sink: str = Field(primary_key=True)
    seq: int
    service: str
    due_at: datetime | None = None
    """None: it is delivered or dead, and keeps no later one waiting."""
    attempts: int = 0
    refusals: int = 0
    """How many of the last tries in a row the sink refused for good (4xx)."""
    lease_until: datetime | None = None
    delivered_at: datetime | None = None
    dead_at: datetime | None = None
    error: str | None = None


class HostViewRow(SQLModel, table=True):
    """What GitHub shows of a release: which state is wanted, which was sent. The newest wins."""

    __tablename__ = "host_views"
    __table_args__ = (Index("ix_host_views_due", "due_at"),)

    release_id: str = Field(primary_key=True)
    repository: str
    wanted: int = 1
    sent: int = 0
    due_at: datetime | None = None
    attempts: int = 0
    lease_until: datetime | None = None
    deployment_id: int | None = Field(default=None, sa_type=BigInteger)
    adopted: bool = False
    """The Deployment is a workflow job's own, which shows its own statuses beside ours."""
    begun: bool = False
    """Making a Deployment was begun: a repeat looks for it first."""
    shown: str | None = None
    """The Deployment status that GitHub has, as state and description."""
    plan_shown: str | None = None
    """The commit status that GitHub has, as commit, state and description."""


class DutyRow(SQLModel, table=True):
    """What one process at a time does for all of them: who has it, and until when."""

    __tablename__ = "duties"

    name: str = Field(primary_key=True)
    owner: str | None = None
    lease_until: datetime | None = None
    fence: int = 0


class NamespaceRow(SQLModel, table=True):
    """What people said of a namespace in the report of stale environments."""

    __tablename__ = "namespaces"

    cluster: str = Field(primary_key=True)
    """The kubeconfig context; the empty string is the current one."""
    name: str = Field(primary_key=True)
    expires_at: datetime | None = None
    """Extended until then."""
    kept_until: datetime | None = None
    """Called not stale until then."""
    said_by: str | None = None
    said_at: datetime | None = None


def table_of(model: type[SQLModel]) -> Table:
    """Give the table itself: a statement that writes to it costs half of one through the mapper."""
    found: Table = model.__table__  # type: ignore[attr-defined]
    return found


RELEASES, TARGETS = table_of(ReleaseRow), table_of(TargetRow)
ENVIRONMENTS = table_of(EnvironmentRow)
INBOX, WISHES, APPROVALS = table_of(InboxRow), table_of(WishRow), table_of(ApprovalRow)
INTENTS, LEDGER = table_of(IntentRow), table_of(LedgerRow)
CARDS, OUTBOX, WEBHOOKS, JOBS = (
    table_of(CardRow),
    table_of(OutboxRow),
    table_of(WebhookRow),
    table_of(JobRow),
)
EVENTS, DELIVERIES = table_of(EventRow), table_of(DeliveryRow)
HOST_VIEWS, NAMESPACES = table_of(HostViewRow), table_of(NamespaceRow)
DUTIES, CATALOGS = table_of(DutyRow), table_of(CatalogRow)
