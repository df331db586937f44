"""`decide` alone: pure, so that whole days of faults take milliseconds."""

import random
from bisect import bisect_left
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nbargo_watcher.budget import NAMESPACE
from nbargo_watcher.decide import (
    BACKOFF_CAP,
    RETRY_AFTER_CAP,
    SHORT_LIMIT,
    Action,
    Decision,
    Happened,
    History,
    decide,
)
from nbargo_watcher.faults import Fault, What

START = 5000.0
BUDGET = 10
"""Requests that begin a list or a watch, in any minute, of all streams together."""


def happened(
    what: What, *, listing: bool = False, lasted: float = 60.0, lines: int = 0, after: float | None = None
) -> Happened:
    return Happened(fault=Fault(what=what, retry_after=after), listing=listing, lasted=lasted, lines=lines)


def first(item: Happened, **history: float) -> Decision:
    return decide(item, replace(History(), **history), now=1000.0, draw=0.5)[0]  # type: ignore[arg-type] # by name


FAULTS = st.builds(
    happened,
    st.sampled_from(list(What)),
    lasted=st.sampled_from([0.0, 0.5, 1.0, 5.0, 60.0]),
    lines=st.integers(0, 2),
    after=st.one_of(st.none(), st.floats(0, 300)),
)


def play(faults: list[Happened], draws: random.Random) -> list[tuple[float, float, Decision]]:
    """Return when each request was made, the floor that the server had set, and the decision that led to it."""
    now, history, action, budget = START, History(), Action.RELIST, NAMESPACE
    made = [(START, START, Decision(action=action))]
    for item in faults:
        listing = action is Action.RELIST
        what = item.fault.what
        if listing and what in {What.ENDED, What.IDLE, What.DUE}:
            what = What.LISTED  # a list comes to an end in one way
        if not listing and what is What.LISTED:
            what = What.ENDED
        item = replace(item, listing=listing, fault=replace(item.fault, what=what))  # noqa: PLW2901 - as it was asked
        now += item.lasted
        decision, history, budget = decide(item, history, now=now, draw=draws.random(), budget=budget)
        floor = now + min(item.fault.retry_after or 0.0, RETRY_AFTER_CAP)
        now += decision.delay
        made.append((now, floor, decision))
        action = decision.action
    return made


def busiest_minute(times: list[float]) -> int:
    return max(bisect_left(times, at + 60) - number for number, at in enumerate(times))


@settings(deadline=None)
@given(st.lists(FAULTS, max_size=120), st.randoms(use_true_random=False))
def test_no_sequence_of_faults_exceeds_the_request_budget(faults: list[Happened], draws: random.Random) -> None:
    times = [at for at, _, _ in play(faults, draws)]
    assert busiest_minute(times) <= BUDGET


@settings(deadline=None)
@given(FAULTS, st.randoms(use_true_random=False))
def test_no_fault_exceeds_the_budget_by_its_persistence(fault: Happened, draws: random.Random) -> None:
    times = [at for at, _, _ in play([replace(fault, lasted=0.0)] * 60, draws)]
    assert busiest_minute(times) <= BUDGET


@settings(deadline=None)
@given(st.lists(FAULTS, max_size=60), st.randoms(use_true_random=False))
def test_no_request_is_earlier_than_the_server_asked(faults: list[Happened], draws: random.Random) -> None:
    assert all(at >= floor for at, floor, _ in play(faults, draws))


@settings(deadline=None)
@given(st.lists(FAULTS, max_size=60), st.randoms(use_true_random=False))
def test_nothing_but_the_server_makes_us_wait_longer_than_the_cap(faults: list[Happened], draws: random.Random) -> None:
    plain = [replace(item, fault=replace(item.fault, retry_after=None)) for item in faults]
    assert all(at - floor <= BACKOFF_CAP for at, floor, _ in play(plain, draws))


@settings(deadline=None)
@given(st.lists(FAULTS, max_size=60), st.randoms(use_true_random=False))
def test_a_watcher_never_stops(faults: list[Happened], draws: random.Random) -> None:
    assert all(decision.action is not Action.STOP for _, _, decision in play(faults, draws))


@pytest.mark.parametrize(
    ("what", "action"),
    [
        (What.ENDED, Action.REWATCH),
        (What.IDLE, Action.REWATCH),
        (What.DUE, Action.RELIST),
        (What.EXPIRED, Action.RELIST),
        (What.TOO_LARGE, Action.RELIST),
        (What.INVALID, Action.RELIST),
        (What.UNREACHABLE, Action.REWATCH),
        (What.CUT, Action.REWATCH),
        (What.GARBLED, Action.REWATCH),
        (What.THROTTLED, Action.REWATCH),
        (What.SERVER, Action.REWATCH),
        (What.UNAUTHORISED, Action.REWATCH),
        (What.FORBIDDEN, Action.REWATCH),
    ],
)
def test_what_follows_a_watch(what: What, action: Action) -> None:
    assert first(happened(what)).action is action


@pytest.mark.parametrize("what", sorted(set(What) - {What.LISTED, What.ENDED, What.IDLE, What.DUE}))
def test_a_list_that_failed_is_begun_again(what: What) -> None:
    assert first(happened(what, listing=True)).action is Action.RELIST


@pytest.mark.parametrize("what", [What.ENDED, What.IDLE, What.DUE])
def test_what_is_in_order_needs_no_pause(what: What) -> None:
    assert first(happened(what)) == Decision(action=first(happened(what)).action)


def test_a_list_is_followed_by_a_watch_at_once() -> None:
    assert first(happened(What.LISTED, listing=True)) == Decision(action=Action.REWATCH)


def test_short_silent_watches_are_an_expiry_after_a_few() -> None:
    history, actions = History(), []
    for number in range(SHORT_LIMIT):
        decision, history, _ = decide(happened(What.ENDED, lasted=0.1), history, now=number, draw=1.0)
        actions.append(decision.action)
    assert actions == [Action.REWATCH] * (SHORT_LIMIT - 1) + [Action.RELIST]


def test_a_short_watch_that_brought_something_is_in_order() -> None:
    assert first(happened(What.ENDED, lasted=0.1, lines=1)).delay == 0


def test_a_list_whose_pages_expire_twice_is_asked_for_in_one_piece() -> None:
    expired = happened(What.EXPIRED, listing=True)
    decision, history, _ = decide(expired, History(), now=0.0, draw=0.0)
    assert decision.paged
    decision, history, _ = decide(expired, history, now=10.0, draw=0.0)
    assert not decision.paged
    _, history, _ = decide(happened(What.LISTED, listing=True), history, now=20.0, draw=0.0)
    assert history.expiries == 0


def test_failures_are_forgotten_after_two_healthy_minutes() -> None:
    _, history, _ = decide(happened(What.CUT), replace(History(), failures=9, failed_at=0.0), now=119.0, draw=1.0)
    assert history.failures == 10
    _, history, _ = decide(happened(What.CUT), replace(History(), failures=9, failed_at=0.0), now=120.0, draw=1.0)
    assert history.failures == 1


def test_the_delay_doubles_up_to_its_cap() -> None:
    delays = [first(happened(What.CUT), failures=count, failed_at=999.0).delay for count in range(8)]
    assert delays == [0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 15.0, 15.0]


def test_a_refused_token_is_read_again() -> None:
    assert first(happened(What.UNAUTHORISED)).new_token


def test_a_refused_permission_is_slow_and_visible() -> None:
    decision = first(happened(What.FORBIDDEN), failures=3, failed_at=999.0)
    assert decision.delay >= BACKOFF_CAP / 2
    assert decision.degraded


def test_a_server_that_has_not_read_its_roles_yet_is_asked_again_soon() -> None:
    delays = [first(happened(What.FORBIDDEN), failures=count, failed_at=999.0).delay for count in range(3)]
    assert delays == [0.4, 0.8, 1.6]


def test_a_single_cut_is_not_worth_a_word() -> None:
    assert not first(happened(What.CUT)).degraded
    assert first(happened(What.CUT), failures=5, failed_at=999.0).degraded


@pytest.mark.parametrize("what", [What.FORBIDDEN, What.MISSING, What.INVALID])
def test_a_single_run_stops_at_what_waiting_does_not_mend(what: What) -> None:
    assert decide(happened(what, listing=True), History(finite=True), now=0.0, draw=0.0)[0].action is Action.STOP


def test_a_single_run_tries_a_few_times_and_stops_after_its_list() -> None:
    history, actions = History(finite=True), []
    for number in range(5):
        decision, history, _ = decide(happened(What.SERVER, listing=True), history, now=number, draw=0.0)
        actions.append(decision.action)
    assert actions == [*[Action.RELIST] * 4, Action.STOP]
    assert decide(happened(What.LISTED, listing=True), History(finite=True), now=0.0, draw=0.0)[0].action is Action.STOP


def test_two_watchers_that_were_sent_away_together_come_back_apart() -> None:
    throttled = happened(What.THROTTLED, after=10.0)
    delays = {decide(throttled, History(), now=0.0, draw=draw)[0].delay for draw in (0.0, 0.3, 0.9)}
    assert len(delays) == 3
    assert min(delays) >= 10.0
