"""Pages in order of rid: by walking the indexes from the cursor on, as far as the page needs.

Small sets are taken whole. Large ones that an index delivers in order are walked together, each jumping to where the
others are. What cannot be walked is checked among the candidates; when too few of them pass, the whole set is asked
for at once. So a search with very many matches stops early, one with few starts from the few, and one where large sets
hardly meet costs one pass over the smaller of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from kuska.fhir.domain.search.tree import Condition, Find
from kuska.fhir.store.search import rows
from kuska.fhir.store.search.binding import Binder
from kuska.fhir.store.search.full import full
from kuska.fhir.store.search.rows import Scope
from kuska.fhir.store.search.sets import FEW, Probes, Sets, TooWide

_FIRST_PIECE = 64
_LARGEST_PIECE = 2048
# Candidates looked at in vain before the database is asked for the whole set.
_PATIENCE_TYPE = 1500
_PATIENCE = 6000


class Walk:
    """One type's resources that fulfil all (resolved) conditions, by rid."""

    def __init__(self, sets: Sets, find: Find) -> None:
        self._sets = sets
        self._conditions = find.conditions
        self._scope = Scope(find.type, find.bucket)

    async def page(self, after: int | None, size: int) -> list[int]:
        """The first `size` rids greater than `after`."""
        if not self._conditions:
            bind = Binder()
            return await self._one(rows.of_type(self._scope, bind, size, after), bind)
        only = self._conditions[0]
        if len(self._conditions) == 1 and isinstance(only, rows.Plain) and rows.comes_ordered(only):
            bind = Binder()
            found = await self._one(rows.ordered(only, self._scope, bind, size + 1, after), bind)
            # The same rid can come twice (one code in two systems): few enough to ask once more.
            distinct = list(dict.fromkeys(found))
            if len(found) <= size or len(distinct) >= size:
                return distinct[:size]
        try:
            return await self._walked(await self._sets.probe(self._conditions, self._scope, after), after, size)
        except TooWide:
            return await self._whole(after, size)

    async def _walked(self, probes: Probes, after: int | None, size: int) -> list[int]:
        if probes.candidates is not None:
            later = [rid for rid in probes.candidates if after is None or rid > after]
            return await self._first(later, probes.rest, size)
        if not probes.large:
            probes = await self._sets.guided(probes, self._scope, after)
        if probes.large:
            return await self._together(probes, size)
        return await self._through_type(probes.rest, after, size)

    async def _one(self, text: str, bind: Binder) -> list[int]:
        return (await self._sets.arrays([text], bind))[0]

    async def _first(self, candidates: Sequence[int], conditions: Sequence[Condition], size: int) -> list[int]:
        """The first `size` candidates that pass, looking at little more of them than needed."""
        if not conditions:
            return list(candidates[:size])
        kept: list[int] = []
        start, piece = 0, max(_FIRST_PIECE, 2 * size)
        while start < len(candidates) and len(kept) < size:
            kept += await self._sets.keep(conditions, self._scope, candidates[start : start + piece])
            start, piece = start + piece, min(piece * 4, _LARGEST_PIECE)
        return kept[:size]

    async def _together(self, probes: Probes, size: int) -> list[int]:
        streams = [_Stream(self, probe.condition, probe.rids) for probe in probes.large]
        walked = [probe.condition for probe in probes.large]
        others = [condition for condition in probes.rest if condition not in walked]
        kept: list[int] = []
        looked = 0
        while True:
            candidates, bound = _common(streams)
            looked += len(candidates)
            kept += await self._first(candidates, others, size - len(kept))
            if bound is None or len(kept) >= size:
                return kept[:size]
            if others and looked > _PATIENCE:
                return kept + await self._whole(bound, size - len(kept))
            await _jump(streams, bound)

    async def next_piece(self, condition: rows.Plain, after: int) -> list[int]:
        bind = Binder()
        return await self._one(rows.ordered(condition, self._scope, bind, FEW + 1, after), bind)

    async def _through_type(self, conditions: Sequence[Condition], after: int | None, size: int) -> list[int]:
        kept: list[int] = []
        looked, piece, largest = 0, max(_FIRST_PIECE, 2 * size), _LARGEST_PIECE
        place = after
        while len(kept) < size:
            if looked >= _PATIENCE_TYPE:
                return kept + await self._whole(place, size - len(kept))
            bind = Binder()
            found = await self._one(rows.of_type(self._scope, bind, piece, place), bind)
            try:
                kept += await self._sets.keep(conditions, self._scope, found)
            except TooWide:
                if piece <= _FIRST_PIECE:
                    raise
                piece = largest = max(_FIRST_PIECE, piece // 4)  # the same again in smaller pieces
                continue
            if len(found) < piece:
                break
            looked, place, piece = looked + len(found), found[-1], min(piece * 4, largest)
        return kept[:size]

    async def _whole(self, after: int | None, size: int) -> list[int]:
        await self._sets.by_planner()
        bind = Binder()
        only = self._conditions[0]
        if len(self._conditions) == 1 and isinstance(only, rows.Plain):
            return await self._one(rows.ordered(only, self._scope, bind, size, after), bind)
        inner = full(self._conditions, self._scope, bind)
        place = "" if after is None else f" where rid > {bind.big(after)}"
        return await self._one(f"select distinct rid from ({inner}) x{place} order by rid limit {size}", bind)


class _Stream:
    """A large set in order of rid, a piece at a time."""

    def __init__(self, walk: Walk, condition: rows.Plain, piece: list[int]) -> None:
        self._walk = walk
        self._condition = condition
        self._take(piece)

    def _take(self, piece: list[int]) -> None:
        self.rids = list(dict.fromkeys(piece))
        self.ended = len(piece) <= FEW
        self.reached = piece[-1] if piece else None

    async def go_to(self, place: int) -> None:
        """Drop what is before `place`; when nothing is left, go on from there."""
        self.rids = [rid for rid in self.rids if rid >= place]
        if not self.rids and not self.ended:
            self._take(await self._walk.next_piece(self._condition, place - 1))


def _common(streams: Sequence[_Stream]) -> tuple[list[int], int | None]:
    """What is in all pieces as far as all are known, and how far that is; None when nothing more can come."""
    bound = min((stream.reached for stream in streams if not stream.ended and stream.reached is not None), default=None)
    shared = set.intersection(*(set(stream.rids) for stream in streams))
    known = sorted(rid for rid in shared if bound is None or rid <= bound)
    ended = any(
        stream.ended and (stream.reached is None or bound is None or stream.reached <= bound) for stream in streams
    )
    return known, None if ended else bound


async def _jump(streams: Sequence[_Stream], bound: int) -> None:
    """To the first place beyond `bound` where all streams could meet."""
    firsts = (next((rid for rid in stream.rids if rid > bound), bound + 1) for stream in streams)
    place = max(firsts)
    for stream in streams:
        await stream.go_to(place)
