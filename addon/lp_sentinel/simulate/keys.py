"""The key that id_tokens are signed with: made at start, its public half served."""

from __future__ import annotations

import time
from typing import Any

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

_BITS = 2048


class Signer:
    """One RSA key for as long as the simulator runs."""

    def __init__(self) -> None:
        self._key = RSAKey.generate_key(_BITS, {"use": "sig", "alg": "RS256"}, auto_kid=True)

    def id_token(self, client_id: str, user: str, lifetime: int, nonce: str | None) -> str:
        """The claims that LivePerson's page on the token request lists; and ``nonce``, if the request had one."""
        now = int(time.time())
        claims: dict[str, Any] = {"iss": "sentinel", "sub": user, "aud": client_id, "iat": now, "exp": now + lifetime}
        if nonce:
            claims["nonce"] = nonce
        return jwt.encode({"alg": "RS256", "kid": self._key.kid}, claims, self._key)

    def public(self) -> dict[str, Any]:
        """The public half, as a JWK Set (RFC 7517)."""
        return dict(KeySet([self._key]).as_dict(private=False))
