"""A person's review of an emergency: by the button in the security channel, or in words."""

from bot.domain.audit import AuditTag
from bot.domain.emergency import Review
from bot.domain.releases import Release
from bot.engine import emergencies, record
from bot.engine.deciding import Change, Deciding
from bot.engine.people import who_could
from bot.ports import Message
from bot.store import cards, reviews
from bot.store.audit import Datum, written
from bot.store.session import Session
from bot.views import emergency_lines, emergency_refusals


class Reviewing(Deciding):
    """Reviewing what was done with broken glass. Refusals are UserErrors."""

    async def by_button(self, release_id: str) -> Change:
        """Do what the button says, which brings no comment."""
        return await self.review(release_id, None)

    async def review(self, release_id: str, comment: str | None) -> Change:
        """Record that somebody has reviewed it, once it has ended."""
        release = await self._release(release_id)
        if not release.request.emergency:
            raise emergency_refusals.no_emergency(release)
        async with self._world.store.read() as session:
            found = await reviews.get(session, release_id)
        if found is None:
            raise emergency_refusals.no_emergency(release)
        asked = emergencies.present(self._world, release, found)
        roles = await self._must(asked.roles, release.service, f"review {release.id}")
        if release.asker.user == self._asker.user:
            others = await who_could(self._world, asked.roles, release.service)
            raise emergency_refusals.own_emergency([u for u in others if u != self._asker.user])

        async def store(session: Session) -> Message | None:
            fresh = await self._locked(session, release_id)
            review = await reviews.get_locked(session, release_id)
            if review is None:
                raise emergency_refusals.no_emergency(fresh)
            if review.done_at is not None:
                raise emergency_refusals.reviewed_already(review, self._now)
            if not fresh.ended:
                raise emergency_refusals.not_ended(fresh)
            done = review.model_copy(
                update={
                    "channel": asked.channel,
                    "done_at": self._now,
                    "done_by": self._asker.user,
                    "comment": comment,
                    "next_at": None,
                }
            )
            await reviews.change(session, done)
            said: dict[str, Datum] = {"roles": " ".join(roles), "comment": written(comment)}
            await self._note(session, AuditTag.RELEASE_REVIEWED, release_id, **said)
            await self._tell(session, fresh, done)
            return None

        return store

    async def _tell(self, session: Session, release: Release, done: Review) -> None:
        """Say it in the release's thread, on its card, and in the security channel."""
        now = self._now
        await record.say(session, release, [emergency_lines.review_line(done, now)], now)
        await cards.want(session, release.id, release.asker.channel, now, urgent=True)
        await emergencies.post(
            session,
            done,
            f"reviewed:{release.id}",
            emergency_lines.reviewed(release, done, now),
            now,
        )
