"""The last lines of a pod that fails, for the person who asks and nobody else.

Called by `/release logs`. The lines are masked and handed to Slack at once: they never come into
the outbox, the record or the log. The record says who asked for which pod's.
"""

from structlog.contextvars import bind_contextvars

from bot.domain.applying import shows_logs
from bot.domain.audit import AuditTag
from bot.domain.log_masking import masked
from bot.domain.permissions import roles_for
from bot.domain.pods import PodSeen, failing_pod
from bot.domain.releases import Release
from bot.engine.deciding import Deciding
from bot.errors import ForbiddenError, MissingError, PermanentError
from bot.ports import Message
from bot.ports_health import Tail
from bot.views import log_lines

ASKED_LINES = 60
"""More than are shown: a key block may have begun before the last ones."""


class PodLines(Deciding):
    """One person's one question for lines."""

    async def show(self, release_id: str) -> None:
        """Show the lines to the one who asks. Raises UserError, in words, where that can't be."""
        release = await self._release(release_id)
        await self._may_see(release)
        pod = await self._pod(release)
        bind_contextvars(pod=pod.name)
        await self._record(release, pod)
        tail = await self._tail(release, pod)
        message = log_lines.shown(release, pod, masked(tail.text), whole=tail.whole)
        await self._whisper(message)

    async def _may_see(self, release: Release) -> None:
        catalog = self._world.catalog()
        if not shows_logs(catalog, release.service, release.environment):
            raise log_lines.off(release.service, release.environment)
        place = (release.environment, release.service)
        roles = roles_for(catalog, "release or rollback", *place)
        asked = f"see lines of {release.id}'s pods"
        await self._must(roles, release.service, asked, requester=release.asker.user)

    async def _pod(self, release: Release) -> PodSeen:
        plan = release.plan
        if plan is None or release.started_at is None:
            raise log_lines.nothing_fails(release)
        found = await self._world.logs.pods(plan.target, plan.goes_to)
        # A slot that was put back runs another version's pods: those are none of this release's.
        own = [pod for pod in found if pod.image == plan.image]
        pod = failing_pod(own, release.progress.pod)
        if pod is not None:
            return pod
        if release.progress.pod is not None:
            raise log_lines.gone(release.progress.pod)
        raise log_lines.nothing_fails(release)

    async def _record(self, release: Release, pod: PodSeen) -> None:
        async with self._world.store.write() as session:
            await self._note(
                session, AuditTag.LOGS_ASKED, release.id, pod=pod.name, container=pod.container
            )

    async def _tail(self, release: Release, pod: PodSeen) -> Tail:
        plan = release.plan
        if plan is None:
            raise log_lines.nothing_fails(release)
        try:
            return await self._world.logs.tail(plan.target, pod, ASKED_LINES)
        except MissingError:
            raise log_lines.gone(pod.name) from None
        except ForbiddenError as error:
            raise log_lines.forbidden(str(error)) from None
        except PermanentError:
            # The server's own sentence is not passed on: it may quote what the container said.
            raise log_lines.nothing_written(pod) from None

    async def _whisper(self, message: Message) -> None:
        asker = self._asker
        await self._world.chat.whisper(asker.channel, asker.user, message, asker.thread)
