"""The listening socket. Apart from the server, so that a port that is taken is known before anything large is loaded."""

from __future__ import annotations

import socket

from kuska.app.configuration import StartError

BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host, port))
    except OSError as error:
        sock.close()
        raise StartError("serve.no-port", host=host, port=port, reason=error.strerror) from error
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock
