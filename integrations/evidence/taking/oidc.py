"""Checks GitHub Actions' OIDC tokens: signature, issuer, audience, times. Claims come out.

The issuer's keys are read from its `/.well-known/jwks`, kept, and read again when they are old or a
token names one that is not there. RS256 alone is taken: no `none`, no key that is shared.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Any, NoReturn

import aiohttp
import jwt
import structlog
from pydantic import ValidationError

from bot.domain.claims import Claims
from bot.domain.reasons import Reason
from bot.domain.sources import Evidence
from bot.errors import TemporaryError, UserError

log = structlog.get_logger()

ALGORITHM = "RS256"
LEEWAY_SECONDS = 60
"""By how much two clocks may differ."""

LARGEST_KEYS = 2**20
"""Bytes of the list of keys."""

SHORTEST_KEY = 2048
"""Bits."""


@dataclass(frozen=True)
class Patience:
    """How long keys are used, in seconds."""

    fresh: float = 3600.0
    """Without being read again."""
    stale: float = 24 * 3600.0
    """While the issuer does not answer."""
    cool: float = 30.0
    """After a read an unknown key causes no other for so long: anybody can invent one."""


@dataclass(frozen=True)
class _Keys:
    issuer: str
    read_at: float
    by_id: Mapping[str, jwt.PyJWK]


class TokenChecker:
    """Knows one issuer's keys at a time: the one that the catalogue names."""

    def __init__(self, seconds: float = 10.0) -> None:
        self._seconds = seconds
        self.patience = Patience()
        self._keys: _Keys | None = None
        self._turn = asyncio.Lock()
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connection to the issuer."""
        if self._session is not None:
            await self._session.close()

    async def claims(self, token: str, rules: Evidence) -> Claims:
        """Check a token and say what it claims.

        Raises UserError where it is not good, TemporaryError where the issuer does not answer.
        """
        key = await self._key(_key_named(token), rules.issuer)
        found = _decoded(token, key, rules)
        try:
            return Claims.model_validate({**found, "issuer": rules.issuer})
        except ValidationError as error:
            missing = ", ".join(str(one["loc"][0]) for one in error.errors(include_input=False))
            _invalid(f"it has no good {missing}")

    async def keys(self, issuer: str) -> int:
        """Read the issuer's keys anew and count them, for `doctor`. Raises TemporaryError."""
        return len((await self._read(issuer)).by_id)

    async def _key(self, kid: str, issuer: str) -> jwt.PyJWK:
        async with self._turn:
            keys = await self._current(issuer)
            if kid not in keys.by_id and monotonic() - keys.read_at > self.patience.cool:
                keys = self._keys = await self._read(issuer)
        found = keys.by_id.get(kid)
        if found is None:
            _invalid("its key is none of those that the issuer publishes")
        return found

    async def _current(self, issuer: str) -> _Keys:
        keys = self._keys if self._keys and self._keys.issuer == issuer else None
        age = monotonic() - keys.read_at if keys else 0.0
        if keys is not None and age <= self.patience.fresh:
            return keys
        try:
            self._keys = await self._read(issuer)
        except TemporaryError as error:
            if keys is None or age > self.patience.stale:
                raise
            log.warning("issuer_not_reached", error=str(error))
            return keys
        return self._keys

    async def _read(self, issuer: str) -> _Keys:
        url = f"{issuer.rstrip('/')}/.well-known/jwks"
        try:
            async with asyncio.timeout(self._seconds):
                content = await self._fetched(url)
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise TemporaryError(f"the issuer {issuer} does not answer") from error
        found = _published(content)
        if not found:
            raise TemporaryError(f"the issuer {issuer} publishes no usable key")
        return _Keys(issuer, monotonic(), found)

    async def _fetched(self, url: str) -> Any:
        if self._session is None:
            self._session = aiohttp.ClientSession()
        async with self._session.get(url, allow_redirects=False) as answer:
            if answer.status != 200:  # noqa: PLR2004 - HTTP
                raise aiohttp.ClientError(f"status {answer.status}")
            raw = await answer.content.read(LARGEST_KEYS)
        try:
            return json.loads(raw)
        except ValueError as error:
            raise aiohttp.ClientError("no JSON") from error


def _published(content: Any) -> dict[str, jwt.PyJWK]:
    """Take the RSA keys that sign; one that can't be read spoils none of the others."""
    rows = content.get("keys") if isinstance(content, dict) else None
    found: dict[str, jwt.PyJWK] = {}
    for row in rows if isinstance(rows, list) else ():
        usable = (
            isinstance(row, dict) and row.get("kty") == "RSA" and row.get("use") in (None, "sig")
        )
        if not usable or not isinstance(row.get("kid"), str):
            continue
        try:
            key = jwt.PyJWK(row, algorithm=ALGORITHM)
        except (jwt.PyJWTError, ValueError, TypeError):
            continue
        if key.key.key_size >= SHORTEST_KEY:
            found[row["kid"]] = key
    return found


def _key_named(token: str) -> str:
    """Read which key a token names, without believing any of it."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        _invalid("it is no JSON Web Token")
    if header.get("alg") != ALGORITHM:
        _invalid(f"it is not signed with {ALGORITHM}")
    kid = header.get("kid")
    if not isinstance(kid, str):
        _invalid("it names no key")
    return kid


def _decoded(token: str, key: jwt.PyJWK, rules: Evidence) -> dict[str, Any]:
    options: Any = {"require": ["exp", "iat", "iss", "aud"], "strict_aud": True}
    try:
        return jwt.decode(
            token,
            key,
            algorithms=[ALGORITHM],
            audience=rules.audience,
            issuer=rules.issuer,
            leeway=LEEWAY_SECONDS,
            options=options,
        )
    except jwt.ExpiredSignatureError as error:
        raise UserError(
            "The token has expired. Ask for a new one right before you submit.",
            Reason.EVIDENCE_TOKEN_EXPIRED,
        ) from error
    except jwt.InvalidAudienceError:
        _invalid(f'it is for another audience: ask for "{rules.audience}"')
    except jwt.InvalidIssuerError:
        _invalid(f"it is not issued by {rules.issuer}")
    except jwt.ImmatureSignatureError:
        _invalid("it is not good yet: a clock is wrong")
    except jwt.InvalidSignatureError:
        _invalid("its signature is wrong")
    except jwt.MissingRequiredClaimError as error:
        _invalid(f"it has no {error.claim}")
    except jwt.PyJWTError:
        _invalid("it can't be read")


def _invalid(why: str) -> NoReturn:
    raise UserError(f"The token is not good: {why}.", Reason.EVIDENCE_TOKEN_INVALID)
