"""Token buckets: how much one key may do in a while. Pure, in memory, bounded.

A key has `burst` tokens and gets `rate` new ones a second. Keys that are full again are forgotten first, so that an
attacker with many addresses cannot fill the memory; the one that then loses its count is the one unseen for longest.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

# Seconds in which a bucket need not be filled up, nor is the longest unseen for that.
_SOON = 0.01


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Buckets:
    def __init__(self, rate: float, burst: float, now: Callable[[], float], *, most_keys: int = 50_000) -> None:
        self._rate = rate
        self._burst = burst
        self._now = now
        self._most = most_keys
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, key: str, cost: float = 1.0) -> float:
        """0.0 and the tokens are taken, or the seconds until there will be enough (nothing is taken)."""
        bucket = self._buckets.get(key)
        now = self._now()
        if bucket is not None and bucket.at <= now < bucket.at + _SOON and bucket.tokens >= cost:
            bucket.tokens -= cost  # what it would have got meanwhile comes with the next one
            return 0.0
        bucket = self._current(key)
        missing = cost - bucket.tokens
        if missing > 0:
            return missing / self._rate
        bucket.tokens -= cost
        return 0.0

    def wait(self, key: str, cost: float = 1.0) -> float:
        """What `take` would answer; takes nothing and remembers nobody new."""
        if key not in self._buckets:
            return 0.0
        return max(cost - self._current(key).tokens, 0.0) / self._rate

    def _current(self, key: str) -> _Bucket:
        now = self._now()
        bucket = self._buckets.get(key)
        if bucket is None:
            while len(self._buckets) >= self._most:
                self._buckets.popitem(last=False)
            bucket = self._buckets[key] = _Bucket(self._burst, now)
        else:
            bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._rate)
            bucket.at = now
            self._buckets.move_to_end(key)
        return bucket

    def __len__(self) -> int:
        return len(self._buckets)
