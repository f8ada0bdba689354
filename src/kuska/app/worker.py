"""One of several processes that share a listening socket; started by `kuska serve --workers N` only."""

from __future__ import annotations

import os
import socket
import sys

from kuska.app import server
from kuska.app.cli import language
from kuska.app.configuration import load
from kuska.infra.telemetry import logs
from kuska.kit.errors import KuskaError
from kuska.kit.messages import render

if __name__ == "__main__":
    settings = load(os.environ)
    logs.configure(settings.process.log_level)
    logs.last_words()
    try:
        server.run(settings, socket.socket(fileno=int(sys.argv[1])))
    except KuskaError as error:
        sys.exit("\n".join(f"kuska: {render(issue, language(os.environ))}" for issue in error.issues))
