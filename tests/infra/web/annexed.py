"""The process that the tests of the annex start: an application that does as the path says."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from pathlib import Path
from typing import Any

from kuska.infra.web.annex import attend


async def app(scope: Any, receive: Any, send: Any) -> None:
    body = (await receive())["body"]
    match scope["path"]:
        case "/die":
            os._exit(1)
        case "/wait":
            (await asyncio.open_unix_connection(body.decode()))[1].close()  # it is under way
            while Path(body.decode()).exists():
                await asyncio.sleep(0.01)
    headers = dict(scope["headers"])
    await send({"type": "http.response.start", "status": 201, "headers": [(b"x-seen", headers[b"x-given"])]})
    await send({"type": "http.response.body", "body": scope["client"][0].encode() + b" ", "more_body": True})
    await send({"type": "http.response.body", "body": body})


if __name__ == "__main__":
    asyncio.run(attend(app, socket.socket(fileno=int(sys.argv[1]))))
