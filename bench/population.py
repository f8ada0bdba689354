"""The synthetic population as requests: one transaction bundle per life, made before anything is timed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

from bench.load import Answer, Ask, Script, Tally, play, request
from bench.result import note
from bench.server import HOST, Server
from kuska.app.demo.population.facilities import facilities
from kuska.app.demo.population.people import Life, life, people
from kuska.kit.json import encode

SEED = 1
_LOCATION = re.compile(rb'"location":"(?:[^"]*/)?([A-Za-z]+)/([A-Za-z0-9.\-]+)/_history/')
_CHUNK = 500


def person(number: int) -> Life:
    return life(number, SEED)


def encoded(start: int, count: int) -> list[tuple[bytes, int]]:
    """Requests for persons start .. start+count-1, each with the number of its resources."""
    return [
        (request("POST", "/fhir", encode(one.bundle())), len(one.nodes)) for one in people(count, SEED, start=start)
    ]


def common() -> tuple[bytes, int]:
    """What all lives point to: facilities, their people, payers. Sent once, before any life."""
    whole = facilities(SEED)
    return request("POST", "/fhir", encode(whole)), len(whole["entry"])


@dataclass(slots=True)
class Loaded:
    """What the server said it stored: a sample of the ids, to read them later."""

    patients: int = 0
    resources: int = 0
    paths: list[str] = field(default_factory=list)
    keep: int = 200_000

    def note(self, answer: Answer, worth: int) -> None:
        self.patients += 1
        self.resources += worth
        if len(self.paths) < self.keep:
            self.paths += stored_paths(answer.body)


def stored_paths(body: bytes) -> list[str]:
    """Of what a transaction's answer says it stored."""
    return [f"/fhir/{t.decode()}/{i.decode()}" for t, i in _LOCATION.findall(body)]


def send_common(server: Server) -> int:
    raw, worth = common()

    def once(_: int) -> Script:
        answer = yield Ask("common", raw)
        if answer.status != 200:
            raise RuntimeError(f"the facilities were refused ({answer.status}): {answer.body[:800]!r}")

    play(HOST, server.port, once, connections=1, seconds=120)
    return worth


def senders(bundles: Iterator[tuple[bytes, int]], loaded: Loaded) -> Script:
    """One client of several that share the iterator."""
    for raw, worth in bundles:
        answer = yield Ask("transaction", raw, worth=worth)
        if answer.status == 200:
            loaded.note(answer, worth)


def send_people(server: Server, start: int, count: int, loaded: Loaded, *, connections: int = 4) -> list[Tally]:
    """As it goes in bulk: some hundred lives are made, then sent; only the sending is in the tallies."""
    tallies: list[Tally] = []
    for first in range(start, start + count, _CHUNK):
        number = min(_CHUNK, start + count - first)
        bundles = iter(encoded(first, number))
        begun = perf_counter()
        tally = play(HOST, server.port, lambda _, b=bundles: senders(b, loaded), connections=connections, seconds=3600)
        if tally.failed:
            raise RuntimeError(f"bundles were refused: {tally.errors} {tally.examples}")
        tallies.append(tally)
        if count > _CHUNK:
            note(f"  loaded {loaded.patients:,} people, {tally.worth / (perf_counter() - begun):,.0f} resources/s")
    return tallies
