"""One client cannot take the service from the others, and guessing costs the guesser."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kuska.security.contracts import Caller
from kuska.security.domain.buckets import Buckets
from kuska.security.settings import LimitSettings
from kuska.security.usecases.limits import Limits, ThrottledError

pytestmark = pytest.mark.requirement("AP-10")


class _Time:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def _limits(now: _Time) -> Limits:
    settings = LimitSettings(requests_per_second=10, requests_burst=20, failures_per_minute=60, failures_burst=5)
    return Limits(settings, now)


def test_a_caller_that_asks_too_much_waits_and_others_do_not() -> None:
    now = _Time()
    limits = _limits(now)
    greedy, modest = Caller(kind="partner", account="a"), Caller(kind="partner", account="b")
    for _ in range(20):
        limits.asked(greedy)
    with pytest.raises(ThrottledError) as refused:
        limits.asked(greedy)
    assert refused.value.retry_after == 1
    (issue,) = refused.value.issues
    assert (issue.message, issue.params["seconds"]) == ("security.throttled", 1), "and is told so"
    limits.asked(modest)
    for client in ("c", "d"):  # who has no account of their own
        for _ in range(20):
            limits.asked(Caller(kind="service", client=client))
    now.now += 0.5
    for _ in range(5):
        limits.asked(greedy)
    with pytest.raises(ThrottledError):
        limits.asked(greedy)


def test_only_failures_of_an_address_count_against_it() -> None:
    now = _Time()
    limits = _limits(now)
    for _ in range(100):
        limits.knocked("192.0.2.1")
    for _ in range(5):
        limits.failed("192.0.2.1")
    with pytest.raises(ThrottledError):
        limits.knocked("192.0.2.1")
    limits.knocked("192.0.2.2")
    now.now += 1.01
    limits.knocked("192.0.2.1")


def test_failures_of_one_subscribers_network_count_together() -> None:
    """Whoever has an IPv6 address has 2^64 of them."""
    limits = _limits(_Time())
    for number in range(5):
        limits.failed(f"2001:db8:1:2::{number}")
    for address in ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "2001:0DB8:1:2::9"):
        with pytest.raises(ThrottledError):
            limits.knocked(address)
    limits.knocked("2001:db8:1:3::1")
    for _ in range(5):
        limits.failed("::ffff:192.0.2.1")
    with pytest.raises(ThrottledError):
        limits.knocked("192.0.2.1")


def test_many_keys_take_bounded_memory_and_the_latest_keep_their_count() -> None:
    buckets = Buckets(1, 2, _Time(), most_keys=100)
    for number in range(1000):
        buckets.take(str(number))
    assert len(buckets) == 100
    assert buckets.take("999", 1.5) == pytest.approx(0.5)


@given(st.lists(st.tuples(st.floats(0, 3), st.floats(0.1, 3)), max_size=60))
def test_never_more_than_burst_and_rate_allow(steps: list[tuple[float, float]]) -> None:
    now = _Time()
    buckets = Buckets(2.0, 5.0, now)
    taken = 0.0
    for pause, cost in steps:
        now.now += pause
        if not buckets.take("k", cost):
            taken += cost
        assert taken <= 5.0 + 2.0 * now.now + 1e-6
