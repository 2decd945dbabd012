"""Reads the webhooks about deployments: a job that waits for the bot, and one that went well.

Used by `webhooks`. A payload is signed, and yet only taken where it has the documented form
(GitHub docs: webhook events, `deployment_protection_rule` and `deployment_status`).
"""

import re
from typing import Any
from urllib.parse import urlsplit

from bot.domain.protection import Ask
from bot.domain.unmanaged import Deployed
from integrations.github.deployments import released

Json = dict[str, Any]

_CALLBACK = re.compile(
    r"/repos/(?P<repository>[^/]+/[^/]+)/actions/runs/(?P<run>[1-9]\d{0,17})"
    r"/deployment_protection_rule/?"
)
"""The end of the callback's path. Its host is never looked at, since it is never called."""

_RUN = re.compile(r"/actions/runs/([1-9]\d{0,17})(?:/|$)")


def asked(payload: Json, body_hash: str) -> dict[str, Any] | None:
    """Read a job that waits. `body_hash` is its key where GitHub names no Deployment."""
    repository = _text(payload, "repository", "full_name")
    environment = _text(payload, "environment")
    path = urlsplit(_text(payload, "deployment_callback_url")).path
    found = _CALLBACK.search(path)
    fits = found is not None and found["repository"].lower() == repository.lower()
    if payload.get("action") != "requested" or not (repository and environment and fits):
        return None
    deployment = payload.get("deployment") if isinstance(payload.get("deployment"), dict) else {}
    number = _number(deployment, "id")
    key = f"{repository.lower()}#{number if number is not None else body_hash}"
    ask = Ask(
        key=key,
        repository=repository,
        environment=environment,
        run=int(found["run"]) if found else 0,
        deployment=number,
        ref=_text(deployment, "ref") or _text(payload, "ref"),
        commit=_text(deployment, "sha") or _text(payload, "sha"),
        actor=_text(payload, "sender", "login"),
    )
    return {"ask": ask}


def deployed(payload: Json) -> dict[str, Any] | None:
    """Read a Deployment that went well; how others stand is no news to anybody here."""
    status, made = payload.get("deployment_status"), payload.get("deployment")
    if not isinstance(status, dict) or not isinstance(made, dict):
        return None
    number, mark = _number(made, "id"), _number(status, "id")
    environment = _text(status, "environment") or _text(made, "environment")
    if status.get("state") != "success" or None in (number, mark) or not environment:
        return None
    links = (_text(status, "log_url"), _text(status, "target_url"))
    named = next((match for link in links if (match := _RUN.search(link))), None)
    told = _number(payload.get("workflow_run"), "id")
    went = Deployed(
        repository=_text(payload, "repository", "full_name"),
        environment=environment,
        deployment=number or 0,
        status=mark or 0,
        commit=_text(made, "sha"),
        ref=_text(made, "ref"),
        actor=_actor(payload, status, made),
        run=told if told is not None else int(named[1]) if named else None,
        title=_text(payload, "workflow_run", "display_title"),
        url=next((link for link in links if link), ""),
        release=released(made),
    )
    return {"deployed": went}


def _actor(payload: Json, status: Json, made: Json) -> str:
    """Name the person behind it: GitHub's own App acts for whoever started the run."""
    named = (
        _text(payload, "workflow_run", "triggering_actor", "login"),
        _text(payload, "workflow_run", "actor", "login"),
        _text(payload, "sender", "login"),
        _text(made, "creator", "login"),
        _text(status, "creator", "login"),
    )
    people = [name for name in named if name and not name.endswith("[bot]")]
    return next(iter(people), next((name for name in named if name), ""))


def _text(value: Any, *path: str) -> str:
    """Follow keys to a text; empty where there is none."""
    for key in path:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _number(value: Any, key: str) -> int | None:
    found = value.get(key) if isinstance(value, dict) else None
    # A bool is an int to Python, and no number to anybody else.
    return found if isinstance(found, int) and not isinstance(found, bool) else None
