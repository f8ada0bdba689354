"""history: of one resource, of a type, of everything. https://hl7.org/fhir/R4/http.html#history

Newest first. Pages follow keys (version, or moment and number), so rows written meanwhile move nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from kuska.fhir.domain.call import Call
from kuska.fhir.domain.http import etag
from kuska.fhir.domain.indexing.dates import Calendar
from kuska.fhir.domain.indexing.rows import MAX_TIME, MIN_TIME
from kuska.fhir.domain.pages import Link, bundle, url
from kuska.fhir.domain.query import pairs
from kuska.fhir.domain.search.request import CURSOR
from kuska.fhir.store.bodies import instant
from kuska.fhir.store.records import Stored
from kuska.fhir.store.versions import after_deletion, current_between
from kuska.fhir.usecases.answers import missing
from kuska.fhir.usecases.part import refuse_unknown
from kuska.fhir.usecases.record import Answer, Record
from kuska.kit.errors import IncorrectError, Issue
from kuska.kit.json import encode
from kuska.kit.paging import BadCursorError

_KNOWN = ("_since", "_at", "_count", CURSOR, "_format", "_pretty")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST = datetime(1, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 12, 31, tzinfo=UTC)
_ANY_VERSION = 2**31 - 1
_ANY_RID = 2**63 - 1
_BELOW = struct.Struct(">qq")


@dataclass(frozen=True, slots=True)
class _Ask:
    """The query, understood. A version belongs in when it appeared before `before` and, with `_since`, not before it;
    with `_at`, when it was current at some point of [at, before).
    """

    count: int
    since: datetime = _FIRST
    before: datetime = _LAST
    at: datetime | None = None
    cursor: str = ""
    kept: tuple[tuple[str, str], ...] = ()  # for the links

    @property
    def narrowed(self) -> bool:
        return self.since > _FIRST or self.at is not None


async def instance(record: Record, call: Call) -> Answer:
    ask = _read(record, call)
    path = f"{call.type}/{call.id}/_history"
    binding = f"{path}?{ask.since}{ask.at}{record.sight.binding}"
    below, _ = _opened(record, ask, binding, (_ANY_VERSION, 0))
    async with record.db.read() as conn:
        found = await record.records.history(
            conn, call.type, call.id, since=ask.since, before=ask.before, below_version=below, limit=ask.count + 1
        )
    if found is None:
        raise missing(call.type, call.id)
    if ask.at is not None:
        found = _until(found, ask.at)
    page = found[: ask.count]
    rid = record.records.address(call.type, call.id).rid
    back = await _revived(record, [(stored, rid) for stored in page])
    more = (page[-1].version, 0) if page and len(found) > ask.count else None
    # Every version is kept, so the newest one's number is how many there are; not all of them may be the caller's.
    whole = record.sight.free(call.type, "r") and not ask.narrowed and not ask.cursor
    total = found[0].version if found and whole else None
    cursor = None if more is None else _sealed(record, binding, more)
    entries = [_entry(record, call.base, stored, (rid, stored.version) in back) for stored in page]
    return _bundle(call, path, ask, entries, cursor=cursor, total=total)


async def types(record: Record, call: Call) -> Answer:
    """Of one type, or of all."""
    ask = _read(record, call)
    names = (call.type,) if call.type else record.definitions.resource_types
    record.records.whole(names)
    path = f"{call.type}/_history" if call.type else "_history"
    binding = f"{path}?{ask.since}{ask.at}{record.sight.binding}"
    micros, rid = _opened(record, ask, binding, (_micros(ask.before), _ANY_RID))
    below = (_EPOCH + timedelta(microseconds=micros), rid)
    async with record.db.read() as conn:
        if ask.at is None:
            found = await record.records.history_of_types(
                conn, names, since=ask.since, below=below, limit=ask.count + 1
            )
        else:
            numbers = [record.definitions.type_numbers[name] for name in names]
            rows = await current_between(conn, numbers, ask.at, below, ask.count + 1)
            found = [(record.records.given(row), row["rid"]) for row in rows]
    page = found[: ask.count]
    more = (_micros(page[-1][0].updated), page[-1][1]) if page and len(found) > ask.count else None
    cursor = None if more is None else _sealed(record, binding, more)
    back = await _revived(record, page)
    entries = [_entry(record, call.base, stored, (rid, stored.version) in back) for stored, rid in page]
    return _bundle(call, path, ask, entries, cursor=cursor, total=None)


async def _revived(record: Record, page: Sequence[tuple[Stored, int]]) -> set[tuple[int, int]]:
    """Which (rid, version) brought something back that was deleted: that was a creation, and answered 201."""
    asked = [(rid, stored.version) for stored, rid in page if stored.version > 1 and not stored.deleted]
    if not asked:
        return set()
    async with record.db.read() as conn:
        return await after_deletion(conn, asked)


def _read(record: Record, call: Call) -> _Ask:
    params = pairs(call.query)
    refuse_unknown(call, params, _KNOWN)
    given = dict(params)
    if "_since" in given and "_at" in given:
        raise _bad("_at", given["_at"], "_since | _at")
    kept = tuple((name, value) for name, value in params if name in ("_since", "_at", "_count"))
    count, cursor = _count(record, given.get("_count")), given.get(CURSOR, "")
    if "_since" in given:
        return _Ask(count, since=_moments(record.calendar, "_since", given["_since"])[0], cursor=cursor, kept=kept)
    if "_at" in given:
        low, high = _moments(record.calendar, "_at", given["_at"])
        return _Ask(count, before=high, at=low, cursor=cursor, kept=kept)
    return _Ask(count, cursor=cursor, kept=kept)


def _count(record: Record, text: str | None) -> int:
    settings = record.settings
    if text is None:
        return settings.history_count
    if not (text.isascii() and text.isdecimal() and int(text[:9]) > 0):
        raise _bad("_count", text, f"1 … {settings.max_history_count}")
    return min(int(text[:9]), settings.max_history_count)


def _moments(calendar: Calendar, name: str, text: str) -> tuple[datetime, datetime]:
    """First moment of the date, and first moment after it. A '+' in a query string arrives as a blank."""
    try:
        low, high = calendar.span(text.strip().replace(" ", "+"))
    except ValueError:
        raise _bad(name, text, "YYYY, YYYY-MM, YYYY-MM-DD, YYYY-MM-DDThh:mm:ssZ") from None
    return _moment(low), _moment(high)


def _moment(micros: int) -> datetime:
    if micros <= MIN_TIME:
        return _FIRST
    return _LAST if micros >= MAX_TIME else _EPOCH + timedelta(microseconds=micros)


def _micros(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)


def _bad(name: str, value: str, allowed: str) -> IncorrectError:
    params = {"name": name, "value": value[:60], "allowed": allowed}
    return IncorrectError(Issue(code="value", message="interaction.bad-value", params=params))


def _until(found: Sequence[Stored], at: datetime) -> list[Stored]:
    """Newest first down to the one that was current at `at`: older ones were not current any more."""
    kept: list[Stored] = []
    for stored in found:
        kept.append(stored)
        if stored.updated <= at:
            break
    return kept


def _opened(record: Record, ask: _Ask, binding: str, start: tuple[int, int]) -> tuple[int, int]:
    if not ask.cursor:
        return start
    try:
        first, second = _BELOW.unpack(record.cursors.open(ask.cursor, binding))
    except (BadCursorError, struct.error):
        raise IncorrectError(Issue(code="value", message="interaction.bad-cursor")) from None
    return first, second


def _sealed(record: Record, binding: str, place: tuple[int, int]) -> str:
    return record.cursors.seal(_BELOW.pack(*place), binding)


def _bundle(
    call: Call, path: str, ask: _Ask, entries: Sequence[bytes], *, cursor: str | None, total: int | None
) -> Answer:
    own = [*ask.kept, (CURSOR, ask.cursor)] if ask.cursor else ask.kept
    links = [Link("self", url(call.base, path, own))]
    if cursor is not None:
        links.append(Link("next", url(call.base, path, [*ask.kept, (CURSOR, cursor)])))
    return Answer(200, bundle("history", total, links, entries))


def _entry(record: Record, base: str, stored: Stored, is_back: bool) -> bytes:
    address = f"{stored.type}/{stored.id}"
    if stored.deleted:
        method, target, status = "DELETE", address, "204"
    elif stored.version > 1:
        method, target, status = "PUT", address, "201" if is_back else "200"
    elif record.identities.address(stored.type, stored.id).minted:
        method, target, status = "POST", stored.type, "201"
    else:
        method, target, status = "PUT", address, "201"
    response = {"status": status, "etag": etag(stored.version), "lastModified": instant(stored.updated)}
    resource = b"" if stored.deleted else b'"resource":%b,' % stored.body
    return b'{"fullUrl":"%b/%b",%b"request":%b,"response":%b}' % (
        base.encode(),
        address.encode(),
        resource,
        encode({"method": method, "url": target}),
        encode(response),
    )
