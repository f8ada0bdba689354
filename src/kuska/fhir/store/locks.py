"""Locks on things that are no rows: the criteria of conditional writes. Released with the transaction.

A transaction calls `lock` once. PostgreSQL's table of locks has a fixed size, so whoever would take very many takes the
one lock on all of them instead, which everybody else holds together.
"""

from __future__ import annotations

from collections.abc import Sequence

from kuska.infra.postgres.connection import Write

# More than these of one transaction could fill the table, and then nobody could write.
MOST_LOCKS = 2000
_ALL = 0x6B75736B61  # 'kuska': the lock on all locks
# `with ordinality` and the sort hold the order in which the locks are taken; the subquery, that all comes before one.
_LOCK = """
with everything as materialized (select pg_advisory_xact_lock_shared($2) as taken)
select pg_advisory_xact_lock(k.key)
from (
    select u.key, (select count(e.taken) from everything e) as first
    from unnest($1::bigint[]) with ordinality as u (key, place) order by u.place
) k
where k.first >= 0
"""
_LOCK_ALL = "select pg_advisory_xact_lock($1)"


async def lock(tx: Write, keys: Sequence[int]) -> None:
    """`keys` in ascending order: everybody takes them in the same one."""
    if len(keys) > MOST_LOCKS:
        await tx.execute(_LOCK_ALL, _ALL)
    else:
        await tx.execute(_LOCK, list(keys), _ALL)
