"""Uploads of files: an address for the bytes, the bytes, and the end that shows them.

An address takes bytes once, and only as many as were announced. What was not ended is shown to
nobody.
"""

import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from integrations.simulated.slack.limits import SlackError
from integrations.simulated.slack.messages import File


@dataclass
class Upload:
    """A file on its way. `content` None: its bytes have not come."""

    name: str
    length: int
    alt: str
    content: bytes | None = None


class Uploads:
    """Files on their way, by id."""

    def __init__(self) -> None:
        self.waiting: dict[str, Upload] = {}
        self._serial = 0

    def begin(self, args: dict[str, Any], base: str) -> dict[str, Any]:
        """Give out an address."""
        name, length = str(args["filename"]), int(args["length"])
        if not name or length <= 0:
            raise SlackError("invalid_arguments")
        alt = str(args.get("alt_txt") or "")
        if len(alt) > 1000:  # noqa: PLR2004 - Slack's limit
            raise SlackError("alt_txt_too_large")
        self._serial += 1
        file_id = f"F{self._serial:04}"
        self.waiting[file_id] = Upload(name, length, alt)
        return {"file_id": file_id, "upload_url": f"{base}/upload/v1/{file_id}"}

    async def take(self, request: web.Request) -> web.Response:
        """Take the bytes: no token is asked for, the address is the right to do it."""
        upload = self.waiting.get(request.match_info["ticket"])
        body = await request.read()
        if upload is None or upload.content is not None:
            return web.Response(status=404, text="no such upload")
        if len(body) != upload.length:
            return web.Response(status=400, text=f"{upload.length} bytes were announced")
        upload.content = body
        return web.Response(text=f"OK - {len(body)}")

    def complete(self, given: str) -> list[File]:
        """End uploads, each once; what has not come is not found."""
        wanted = json.loads(given)
        found = []
        for one in wanted:
            upload = self.waiting.get(one["id"])
            if upload is None or upload.content is None:
                raise SlackError("file_not_found")
            title = one.get("title") or upload.name
            found.append(File(one["id"], upload.name, title, upload.content, upload.alt))
        for file in found:
            del self.waiting[file.id]
        return found
