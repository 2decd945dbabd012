"""A simulated issuer of OIDC tokens, as GitHub Actions has one: keys over HTTP, and runs' tokens.

`token` gives what a run would get; each claim and the header can be anything else, so that bad
tokens can be made. `rotate` changes the key; the old one is published until it is withdrawn.
"""

import base64
from datetime import timedelta
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import rsa

from integrations.simulated.server import Now, SimulatedServer, Sleep

LIFETIME = timedelta(minutes=5)


class SimulatedIssuer(SimulatedServer):
    """token.actions.githubusercontent.com on loopback."""

    def __init__(self, now: Now, sleep: Sleep, *, audience: str = "release-bot") -> None:
        super().__init__(now, sleep)
        self.audience = audience
        self.request_token = "request-token"
        self.claims: dict[str, Any] = {}
        """What every token claims, unless it is made otherwise."""
        self._keys: dict[str, rsa.RSAPrivateKey] = {}
        self._published: list[str] = []
        self.rotate()

    @property
    def current(self) -> str:
        """Id of the key that signs."""
        return list(self._keys)[-1]

    def rotate(self) -> str:
        """Sign with a new key from now on; its id."""
        kid = f"key-{len(self._keys) + 1}"
        self._keys[kid] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._published.append(kid)
        return kid

    def withdraw(self, kid: str) -> None:
        """Publish a key no longer."""
        self._published.remove(kid)

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/.well-known/jwks", self._jwks),
            web.get("/token", self._token),
        ]

    def token(
        self,
        *,
        kid: str | None = None,
        key: Any = None,
        header: dict[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """Make a token. A claim of None is left out."""
        now = self.now()
        whole: dict[str, Any] = {
            "iss": self.url,
            "aud": self.audience,
            "sub": "repo:simulated",
            "iat": int(now.timestamp()),
            "nbf": int((now - LIFETIME).timestamp()),
            "exp": int((now + LIFETIME).timestamp()),
            **self.claims,
            **claims,
        }
        named = kid or self.current
        return jwt.encode(
            {name: value for name, value in whole.items() if value is not None},
            key or self._keys.get(named, self._keys[self.current]),
            algorithm="RS256",
            headers={"kid": named, **(header or {})},
        )

    async def _jwks(self, _request: web.Request) -> web.Response:
        return web.json_response({"keys": [self._shown(kid) for kid in self._published]})

    def _shown(self, kid: str) -> dict[str, str]:
        numbers = self._keys[kid].public_key().public_numbers()
        return {
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "kid": kid,
            "n": _base64(numbers.n),
            "e": _base64(numbers.e),
        }

    async def _token(self, request: web.Request) -> web.Response:
        """Hand a job its token, as the runner's own endpoint does."""
        if request.headers.get("Authorization") != f"bearer {self.request_token}":
            return web.json_response({"message": "not authorized"}, status=401)
        audience = request.query.get("audience", self.audience)
        return web.json_response({"value": self.token(aud=audience)})


def _base64(number: int) -> str:
    raw = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
