"""A real SMTP server in the test's own loop that keeps what it is given."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

from aiosmtpd.smtp import SMTP, Envelope, Session


class Sink:
    """Takes mails, or answers what it was told to."""

    def __init__(self, answer: str = "") -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[str] = []
        self.answer = answer

    async def handle_RCPT(self, _: SMTP, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:  # noqa: N802
        if self.answer:
            return self.answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _: SMTP, __: Session, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        self.mails.append(cast("EmailMessage", message_from_bytes(envelope.content, policy=default)))
        self.to += envelope.rcpt_tos
        return "250 OK"


@asynccontextmanager
async def serving(sink: Sink, ssl_context: ssl.SSLContext | None = None, **options: Any) -> AsyncIterator[int]:
    """Its port."""
    made: list[SMTP] = []

    def protocol() -> SMTP:
        made.append(SMTP(sink, hostname="localhost", loop=loop, **options))
        return made[-1]

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=ssl_context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for one in made:
            if one.transport is not None:
                one.transport.abort()
        await server.wait_closed()


@asynccontextmanager
async def saying(**answers: str) -> AsyncIterator[int]:
    """The port of a server that answers each command as it is told here (`greeting`, `ehlo`, `mail`, `rcpt`, `data`, and
    `text` at its end), else as if all were well.
    """
    well = {"greeting": "220 here", "data": "354 go on", "quit": "221 bye", "ehlo": "250-here\r\n250 AUTH LOGIN"}
    answers = {"helo": answers.get("ehlo", "250 OK"), **answers}
    writers: list[asyncio.StreamWriter] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

        def say(step: str) -> str:
            answer = answers.get(step, well.get(step, "250 OK"))
            writer.write(f"{answer}\r\n".encode())
            return answer

        say("greeting")
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while line := await reader.readline():
                step = line[:4].decode().strip().lower()
                if say(step).startswith("354"):
                    await reader.readuntil(b"\r\n.\r\n")
                    say("text")
                await writer.drain()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()
