"""Who may do what: roles and rights from the catalogue, membership from Slack.

Rights are the person's, never the channel's. Used by `decisions` and by views that name those
who could help. Fails closed where Slack can't say who is in a group.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from bot.domain.catalog import Catalog, Group
from bot.domain.reasons import Reason
from bot.engine.world import World
from bot.errors import TemporaryError, UserError

FRESH = timedelta(seconds=90)
"""How old a read of a user group may be where a no would not be dangerous, only late: a minute
of caching and its request."""


def named_in(catalog: Catalog) -> frozenset[str]:
    """Everybody whom the catalogue names by id: they are known, whatever Slack says of them."""
    groups = [*catalog.roles.values(), *(s.owners for s in catalog.services.values())]
    return frozenset(catalog.people) | {user for group in groups for user in group.users}


async def roles_of(
    world: World,
    user: str,
    wanted: Iterable[str],
    *,
    service: str,
    requester: str | None = None,
    stale_will_do: bool = False,
) -> tuple[str, ...]:
    """Say which of the wanted roles a person has. Empty: none of them.

    Where the catalogue names the person in one, no user group is asked (`every_role_of` does).
    `stale_will_do` takes a copy of a user group of up to an hour (for a rollback). Raises
    UserError where a group can't be read and the answer hangs on it.
    """
    catalog = world.catalog()
    wanted = list(wanted)
    have = [role for role in wanted if _directly(catalog, role, user, service, requester)]
    if have and "everyone" not in have:
        return tuple(have)
    for role in wanted:
        group = _group(catalog, role, service)
        if group and await _in_usergroups(world, user, group, stale_will_do=stale_will_do):
            have.append(role)
    return await _unless_outsider(world, user, have)


async def every_role_of(
    world: World, user: str, wanted: Iterable[str], *, service: str
) -> tuple[str, ...]:
    """Say which of the wanted roles a person has, each of them, in the order of `wanted`.

    Raises UserError where a group can't be read.
    """
    catalog = world.catalog()
    have = []
    for role in wanted:
        group = _group(catalog, role, service)
        if _directly(catalog, role, user, service, None) or (
            group and await _in_usergroups(world, user, group, stale_will_do=False)
        ):
            have.append(role)
    return await _unless_outsider(world, user, have)


async def _unless_outsider(world: World, user: str, have: list[str]) -> tuple[str, ...]:
    if have and user not in named_in(world.catalog()) and await is_outsider(world, user):
        return ()
    return tuple(dict.fromkeys(have))


def _group(catalog: Catalog, role: str, service: str) -> Group | None:
    if role == "owners":
        entry = catalog.services.get(service)
        return entry.owners if entry else None
    return catalog.roles.get(role)


def _directly(catalog: Catalog, role: str, user: str, service: str, requester: str | None) -> bool:
    if role == "everyone":
        return True
    if role == "requester":
        return user == requester
    group = _group(catalog, role, service)
    return group is not None and user in group.users


async def _in_usergroups(world: World, user: str, group: Group, *, stale_will_do: bool) -> bool:
    for usergroup in group.usergroups:
        try:
            members, read_at = await world.chat.members(usergroup)
        except TemporaryError as error:
            raise _unreadable(usergroup) from error
        if not stale_will_do and _age(world, read_at) > FRESH:
            raise _unreadable(usergroup)
        if user in members:
            return True
    return False


def _age(world: World, read_at: datetime) -> timedelta:
    return world.clock.now() - read_at


def _unreadable(usergroup: str) -> UserError:
    return UserError(
        f"Slack didn't say who is in the user group {usergroup}, so nobody's right by it can be "
        "checked. Try again in a minute.",
        Reason.GROUP_UNREADABLE,
    )


async def is_outsider(world: World, user: str) -> bool:
    """Whether somebody is a guest or from elsewhere: such people have no rights (DESIGN §5).

    Raises UserError where Slack doesn't say.
    """
    try:
        return await world.chat.is_outsider(user)
    except TemporaryError as error:
        raise UserError(
            "Slack didn't say whether you belong to this workspace. Try again in a minute.",
            Reason.GROUP_UNREADABLE,
        ) from error


async def who_could(world: World, roles: Iterable[str], service: str) -> tuple[str, ...]:
    """List the people who have one of the roles, as far as Slack tells; for sentences only."""
    catalog = world.catalog()
    found: list[str] = []
    for role in roles:
        group = _group(catalog, role, service)
        if group is None:
            continue
        found.extend(group.users)
        for usergroup in group.usergroups:
            try:
                members, _ = await world.chat.members(usergroup)
            except TemporaryError:
                continue
            found.extend(members)
    return tuple(dict.fromkeys(found))
