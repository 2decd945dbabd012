"""Every verb and the right that it takes, in one table. Pure.

Printed by `release-bot policy rights`; a test holds it against the verbs and buttons.
Whether a person has a role is `engine.people`'s to say.
"""

from collections.abc import Mapping
from typing import Literal

from bot.domain.applying import effective, emergency_of
from bot.domain.catalog import Catalog
from bot.domain.value import Value

Right = Literal[
    "release",
    "approve",
    "checklist",
    "cancel",
    "rollback",
    "lock",
    "halt",
    "release or rollback",
    "everyone",
    "emergency",
    "review",
]

VERBS: Mapping[str, Right] = {
    "release": "release",
    "emergency": "emergency",
    "plan": "everyone",
    "status": "everyone",
    "history": "everyone",
    "help": "everyone",
    "approve": "approve",
    "reject": "approve",
    "adopt": "approve",
    "delegate": "approve",
    "checklist": "checklist",
    "cancel": "cancel",
    "retry": "release",
    "pause": "release",
    "resume": "release",
    "promote": "release",
    "rollback": "rollback",
    "mended": "rollback",
    "repaired": "rollback",
    "logs": "release or rollback",
    "scan": "everyone",
    "where": "everyone",
    "lock": "lock",
    "unlock": "lock",
    "freeze": "lock",
    "unfreeze": "lock",
    "halt": "halt",
    "review": "review",
    "reviewed": "review",
}
"""Verbs and buttons of a release, with the right that each asks for (DESIGN §6). A cancel after
traffic moved is a rollback, and asks for that right. `emergency` is `release --emergency`. Who may
release or approve ticks boxes (`checklist`)."""


class Permission(Value):
    """Who may do one thing in one environment."""

    verb: str
    environment: str
    right: str
    roles: tuple[str, ...]
    """Roles of the catalogue, and `owners`, `requester`, `everyone`. Empty: nobody."""


def roles_for(catalog: Catalog, right: Right, environment: str, service: str | None) -> list[str]:
    """List the roles that have a right; `service` counts where a policy of its own says so."""
    env = catalog.environments[environment]
    match right:
        case "everyone":
            return ["everyone"]
        case "approve":
            approvals = (
                effective(catalog, service, environment).approvals if service else env.approvals
            )
            return list(dict.fromkeys((*env.rights.approve, *approvals.named)))
        case "checklist":
            approve = roles_for(catalog, "approve", environment, service)
            return list(dict.fromkeys((*env.rights.release, *approve)))
        case "emergency" | "review":
            allowed = emergency_of(catalog, service, environment)
            if allowed is None:
                return []
            return list(allowed.roles if right == "emergency" else allowed.review.roles)
        case "release or rollback":
            return list(dict.fromkeys((*env.rights.release, *env.rights.rollback)))
        case _:
            return list(getattr(env.rights, right))


def permissions(catalog: Catalog, service: str | None = None) -> tuple[Permission, ...]:
    """Say for each verb and environment who may; `service`: for that one."""
    return tuple(
        Permission(
            verb=verb,
            environment=environment,
            right=right,
            roles=tuple(roles_for(catalog, right, environment, service)),
        )
        for verb, right in VERBS.items()
        for environment in catalog.environments
    )
