"""`POST /evidence/{service}/{version}?kind=…`: takes one report in.

Who sends it, and what it is about, is checked before a byte of the report is read. Nothing is
stored of what is refused; each refusal is one sentence, a reason code, and a line in the log.
"""

import asyncio
import re
import zlib
from collections.abc import Callable
from time import monotonic
from typing import NoReturn, TypeVar

import structlog
from aiohttp import web

from bot.domain.catalog import Catalog
from bot.domain.evidence import Format, Kind
from bot.domain.reasons import Reason
from bot.domain.sources import Evidence
from bot.errors import PermanentError, TemporaryError, UserError
from bot.ports import Checkup
from bot.ports_evidence import About, EvidenceIntake, Place, Proof, ServiceToken, Taken
from integrations.evidence.reading import LARGEST
from integrations.evidence.taking.apart import Reader
from integrations.evidence.taking.doctor import examine
from integrations.evidence.taking.oidc import TokenChecker

E = TypeVar("E", Format, Kind)

log = structlog.get_logger()

MOST_HELD = 8
"""Reports whose bytes are held at the same time; whoever comes then is asked to come again."""

BODY_SECONDS = 60.0
"""How long a sender may take over its report."""

QUIET_SECONDS = 60.0
"""How long the same refusal of a stranger is not logged again."""

AGAIN_SECONDS = 10

GZIP = 16 + zlib.MAX_WBITS
"""How zlib is told to expect gzip's header."""

STATUS: dict[str, int] = {
    Reason.EVIDENCE_BAD_REQUEST: 400,
    Reason.EVIDENCE_TOKEN_MISSING: 401,
    Reason.EVIDENCE_TOKEN_EXPIRED: 401,
    Reason.EVIDENCE_TOKEN_INVALID: 401,
    Reason.EVIDENCE_SENDER_REFUSED: 403,
    Reason.EVIDENCE_NO_SUBJECT: 404,
    Reason.EVIDENCE_OTHER_COMMIT: 409,
    Reason.EVIDENCE_TOO_LARGE: 413,
    Reason.EVIDENCE_BUSY: 429,
    Reason.EVIDENCE_UNAVAILABLE: 503,
}
"""What each reason is in HTTP; whatever is wrong with the report itself is 422."""

UNREADABLE = 422

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PART = re.compile(r"[\w .:/#-]{1,80}")
_ADDRESS = re.compile(r"https?://[^\s\"'<>]{1,400}")
_JWT = re.compile(r"eyJ[\w-]+\.[\w-]*\.[\w-]*")
_SHOWABLE = re.compile(r"[^\w.+:/-]")


class EvidenceReceiver:
    """The route, and what it stands on. `rules` gives the catalogue's, as it is at the moment."""

    def __init__(
        self,
        intake: EvidenceIntake,
        rules: Callable[[], Evidence],
        *,
        seconds: float = 10.0,
        reader: Reader | None = None,
    ) -> None:
        self._intake = intake
        self._rules = rules
        self.tokens = TokenChecker(seconds)
        self._reader = reader or Reader()
        self.held, self.most_held = 0, MOST_HELD
        """Reports whose bytes are held at this moment, and how many may be."""
        self._logged: dict[str, float] = {}

    def route(self) -> web.RouteDef:
        """The route for every report."""
        return web.post("/evidence/{service}/{version}", self._receive)

    async def examine(self, catalog: Catalog, secret: Callable[[str], str | None]) -> Checkup:
        """Look at what evidence comes in by, for `doctor`."""
        return await examine(self.tokens, catalog, secret)

    async def close(self) -> None:
        """Close the connection to the issuer."""
        await self.tokens.close()

    async def _receive(self, request: web.Request) -> web.Response:
        place: Place | None = None
        try:
            proof = await self._proof(request)
            about, declared = _about(request)
            names = request.match_info["service"], request.match_info["version"]
            place = await self._intake.place(*names, proof)
            taken = await self._take(request, place, about, declared)
        except UserError as error:
            return await self._refuse(request, place, error)
        except TemporaryError as error:
            return await self._refuse(request, place, _unavailable(str(error)))
        except PermanentError as error:
            return await self._refuse(request, place, _unavailable(str(error)))
        return web.json_response(_shown(taken), status=201 if taken.repeated == "no" else 200)

    async def _proof(self, request: web.Request) -> Proof:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise UserError(
                "There is no token. Send Authorization: Bearer, with a GitHub Actions OIDC token "
                f'for the audience "{self._rules().audience}" or the service\'s own.',
                Reason.EVIDENCE_TOKEN_MISSING,
            )
        if _JWT.fullmatch(token):
            return await self.tokens.claims(token, self._rules())
        return ServiceToken(token)

    async def _take(
        self, request: web.Request, place: Place, about: About, declared: Format | None
    ) -> Taken:
        if self.held >= self.most_held:
            raise UserError(
                f"The bot reads {self.most_held} reports already. Send it again in "
                f"{AGAIN_SECONDS} s.",
                Reason.EVIDENCE_BUSY,
            )
        self.held += 1
        try:
            report = await self._reader.read(await _body(request), declared)
        finally:
            self.held -= 1
        return await self._intake.take(place, about, report)

    async def _refuse(
        self, request: web.Request, place: Place | None, error: UserError
    ) -> web.Response:
        reason = str(error.code)
        status = STATUS.get(reason, UNREADABLE)
        await self._note(request, place, status, reason, error.sentence)
        headers = {"Retry-After": str(AGAIN_SECONDS)} if status in (429, 503) else {}
        body = {"error": error.sentence, "reason": reason}
        return web.json_response(body, status=status, headers=headers)

    async def _note(
        self, request: web.Request, place: Place | None, status: int, reason: str, why: str
    ) -> None:
        """Log it; of a sender that may submit here, put it on the record too."""
        if place is None and not self._is_worth_a_line(reason):
            return
        about = {name: _showable(request.match_info[name]) for name in ("service", "version")}
        log.warning("evidence_refused", status=status, reason=reason, why=why, **about)
        if place is not None and reason not in (
            Reason.EVIDENCE_BUSY,
            Reason.EVIDENCE_UNAVAILABLE,
        ):
            try:
                await self._intake.refused(place, reason)
            except TemporaryError as error:
                log.warning("refusal_not_recorded", error=str(error))

    def _is_worth_a_line(self, reason: str) -> bool:
        """Strangers can ask without end; the log must not fill up with them."""
        now = monotonic()
        if now - self._logged.get(reason, -QUIET_SECONDS) < QUIET_SECONDS:
            return False
        self._logged[reason] = now
        return True


def _about(request: web.Request) -> tuple[About, Format | None]:
    """Read the parameters. A word that is not known is named, and those that are."""
    query = request.query
    unknown = query.keys() - {"kind", "format", "digest", "part", "url"}
    if unknown:
        _misused(f"There is no parameter {_showable(min(unknown))}.")
    if "kind" not in query:
        _misused(f"Say what it proves: ?kind= with one of {_listed(Kind)}.")
    kind = _word(Kind, "kind", query["kind"])
    declared = _word(Format, "format", query["format"]) if query.get("format") else None
    return (
        About(
            kind=kind,
            part=_formed(_PART, "part", query.get("part")) or "",
            image_digest=_formed(_DIGEST, "digest", query.get("digest")),
            url=_formed(_ADDRESS, "url", query.get("url")),
        ),
        declared,
    )


def _word(words: type[E], name: str, given: str) -> E:
    try:
        return words(given)
    except ValueError:
        _misused(f'There is no {name} "{_showable(given)}". There are {_listed(words)}.')


def _listed(words: type[Format] | type[Kind]) -> str:
    return ", ".join(sorted(words))


_FORMS = {
    "part": "at most 80 letters, digits, spaces and . : / # -",
    "digest": "sha256: and 64 hexadecimal digits, the image's own",
    "url": "the address of the run",
}


def _formed(form: re.Pattern[str], name: str, given: str | None) -> str | None:
    if not given:
        return None
    if not form.fullmatch(given):
        _misused(f"The parameter {name} is {_FORMS[name]}.")
    return given


def _misused(sentence: str) -> NoReturn:
    raise UserError(sentence, Reason.EVIDENCE_BAD_REQUEST)


def _showable(text: str) -> str:
    """What a stranger wrote into the address, harmless and short."""
    return _SHOWABLE.sub("?", text)[:60]


async def _body(request: web.Request) -> bytes:
    """Read the report, unpacked, and not more than it may have."""
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        _misused("Content-Encoding may be gzip and nothing else.")
    if encoding == "identity" and (request.content_length or 0) > LARGEST:
        raise _too_large()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            return await (_unpacked(request) if encoding == "gzip" else _chunks(request))
    except TimeoutError:
        _misused(f"The report did not arrive within {BODY_SECONDS:g} s.")


async def _chunks(request: web.Request) -> bytes:
    whole = bytearray()
    async for part in request.content.iter_chunked(2**16):
        whole += part
        if len(whole) > LARGEST:
            raise _too_large()
    return bytes(whole)


async def _unpacked(request: web.Request) -> bytes:
    """Unpack as it comes, and stop at the limit: a bomb gets no further."""
    packed, whole = zlib.decompressobj(GZIP), bytearray()
    try:
        async for part in request.content.iter_chunked(2**16):
            whole += packed.decompress(part, LARGEST + 1 - len(whole))
            if len(whole) > LARGEST:
                raise _too_large()
        if not packed.eof or packed.unused_data:
            _misused("The body is no gzip, or is cut off.")
    except zlib.error:
        _misused("The body is no gzip, or is cut off.")
    return bytes(whole)


def _too_large() -> UserError:
    return UserError(
        f"The report is over {LARGEST // 2**20} MB. Leave raw output, requests and responses out "
        "of it, or split it.",
        Reason.EVIDENCE_TOO_LARGE,
    )


def _unavailable(why: str) -> UserError:
    return UserError(
        f"It can't be checked at the moment: {why}. Nothing was stored. Send it again.",
        Reason.EVIDENCE_UNAVAILABLE,
    )


def _shown(taken: Taken) -> dict[str, object]:
    one = taken.submitted
    return {
        "id": one.id,
        "service": one.service,
        "version": one.version,
        "commit": one.commit,
        "kind": one.kind.value,
        "format": one.format.value,
        "tool": one.tool,
        "sha256": one.digest,
        "counts": {severity.value: number for severity, number in one.counts.items()},
        "clean": one.clean,
        "complete": one.complete,
        "repeated": taken.repeated != "no",
    }
