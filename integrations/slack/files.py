"""Uploads a file into a thread in Slack's three calls, and looks whether it is there already.

Used by `chat`. The address for the bytes comes from outside: they go to Slack's own host, or to
that of the configured API, and nowhere else. Nothing is shown before the last of the calls, so only
that one's outcome can be unknown. The SDK's `files_upload_v2` would send the bytes to any address.
"""

from dataclasses import dataclass
from datetime import datetime
from html import unescape
from urllib.parse import urlsplit

from bot.errors import PermanentError, TemporaryError
from bot.ports import Still
from integrations.slack.web import SlackWeb, sent_only_if

FILES_HOST = "files.slack.com"

LOOK_BACK = 200
"""Messages of a thread that are searched for a file."""

ALT_MOST = 1000
"""Letters of the words for those who can't see a picture (Slack's limit)."""

UNKNOWN_SECONDS = 20.0
"""Slack shows a file some seconds after it has taken it: no look is worth anything before that."""


@dataclass(frozen=True)
class Place:
    """A thread."""

    channel: str
    thread: str


async def upload(
    web: SlackWeb, place: Place, name: str, content: bytes, text: str, still: Still | None
) -> None:
    """Show a file with its words. Raises TemporaryError(unknown=True) if unsure."""
    asked = web.client(again=True).files_getUploadURLExternal(
        filename=name, length=len(content), alt_txt=unescape(text)[:ALT_MOST]
    )
    ticket = await web.read(asked)
    file_id, url = ticket.get("file_id"), ticket.get("upload_url")
    if not isinstance(file_id, str) or not isinstance(url, str):
        raise PermanentError("Slack named no address for the file")
    if not _is_slacks(url, web.base_url):
        host = urlsplit(url).hostname
        raise PermanentError(f"Slack named an address for the file that isn't its own: {host}")
    await web.put(url, content)
    done = web.client(again=False).files_completeUploadExternal(
        files=[{"id": file_id, "title": name}],
        channel_id=place.channel,
        thread_ts=place.thread,
        initial_comment=text,
    )
    with sent_only_if(still):
        try:
            await web.read(done, write=True)
        except TemporaryError as error:
            if error.unknown:
                raise TemporaryError(str(error), UNKNOWN_SECONDS, unknown=True) from error
            raise


async def is_there(web: SlackWeb, place: Place, name: str, since: datetime) -> bool:
    """Look for a file of that name in a thread, among what was said since then."""
    call = web.client(again=True).conversations_replies(
        channel=place.channel,
        ts=place.thread,
        limit=LOOK_BACK,
        oldest=f"{since.timestamp():.6f}",
    )
    answer = await web.read(call)
    files = [file for row in answer["messages"] for file in row.get("files") or ()]
    return any(file.get("name") == name for file in files)


def _is_slacks(url: str, base_url: str) -> bool:
    try:
        given, own = urlsplit(url), urlsplit(base_url)
        port = given.port
    except ValueError:
        return False
    if given.username is not None or given.password is not None:
        return False
    if (given.scheme, given.hostname, port) == (own.scheme, own.hostname, own.port):
        return True
    return given.scheme == "https" and given.hostname == FILES_HOST and port in (None, 443)
