"""What other identity providers tell us by themselves: that a person's session with them has ended.

https://openid.net/specs/openid-connect-backchannel-1_0.html
"""

from __future__ import annotations

from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response

from kuska.kit.errors import Family, KuskaError
from kuska.security.api import External, open_to_all

_LONGEST = 64 * 1024
_STATUS = {Family.UNAVAILABLE: 503, Family.BUSY: 429}
_NEVER_KEPT = {"cache-control": "no-store"}


def build(external: External) -> APIRouter:
    router = APIRouter()

    @open_to_all("the provider's signature in the message is what counts")
    async def logout(request: Request) -> Response:
        try:
            address = request.client.host if request.client else ""
            await external.logged_out(request.path_params["provider"], await _token(request), address)
        except KuskaError as error:
            status = _STATUS.get(error.family, 400)
            return Response(status_code=status, headers=_NEVER_KEPT)
        return Response(status_code=200, headers=_NEVER_KEPT)

    router.add_api_route("/externo/{provider}/salida", logout, methods=["POST"], response_model=None)
    return router


async def _token(request: Request) -> str:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _LONGEST:
            return ""
    try:
        return parse_qs(body.decode("ascii"), max_num_fields=10)["logout_token"][0]
    except (ValueError, KeyError):
        return ""
