"""A workflow run as GitHub writes it, read into the bot's own value. Used by `host` and `gate`."""

from typing import Any, Literal

from bot.domain.runs import Run

_STATUSES: dict[str, Literal["queued", "in_progress", "completed"]] = {
    "in_progress": "in_progress",
    "completed": "completed",
}


def run_of(row: Any) -> Run:
    """Read a run; whatever state has no name here is one of waiting."""
    ended = row["status"] == "completed"
    return Run(
        id=row["id"],
        url=row["html_url"],
        status=_STATUSES.get(row["status"], "queued"),
        conclusion=row.get("conclusion"),
        title=row.get("display_title") or "",
        # The path of a run may name the ref that the file was read at: `…/deploy.yml@main`.
        workflow=(row.get("path") or "").partition("@")[0].rsplit("/", 1)[-1],
        number=row.get("run_number"),
        branch=row.get("head_branch"),
        created_at=row.get("created_at"),
        started_at=row.get("run_started_at"),
        ended_at=row.get("updated_at") if ended else None,
    )
