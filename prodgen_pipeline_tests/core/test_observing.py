"""The sensor's decisions, as a table and as laws."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.models import ListedObject
from prodgen_pipeline.core.observing import (
    LONGEST_WAIT_SECONDS,
    Asked,
    Cursor,
    Position,
    ask,
    asks_for_run,
    partition_changes,
    pass_asks_for_run,
    read_cursor,
    reason,
    resumed,
    wait_after,
    worker_is_gone,
)
from prodgen_pipeline.core.versioning import ChangeKind, KnownDocument, changes

LISTED = ListedObject(uri="a.md", size=1, sign="2")
OLD = KnownDocument(uri="a.md", document_id="1", sign="1", content_hash="00")
SAME = KnownDocument(uri="a.md", document_id="1", sign="2", content_hash="00")
POSITIONS = st.builds(Position, tenant_id=st.integers(1), source_id=st.integers(1), after=st.text())


@pytest.mark.parametrize(
    ("listing", "known", "kind", "expected"),
    [
        ([LISTED], [], ChangeKind.NEW, True),
        ([LISTED], [OLD], ChangeKind.TOUCHED, True),
        ([LISTED], [SAME], ChangeKind.UNCHANGED, False),
        ([], [SAME], ChangeKind.GONE, False),
    ],
)
def test_new_and_touched_documents_ask_at_once_and_gone_ones_wait_for_the_end_of_the_listing(
    listing: list[ListedObject], known: list[KnownDocument], kind: ChangeKind, expected: bool
) -> None:
    [change] = changes(listing, known)
    assert change.kind is kind
    assert asks_for_run(change) is expected


@pytest.mark.parametrize(
    ("n_gone", "held_back", "confirmed", "expected"),
    [
        (0, 0, False, False),
        (1, 0, False, True),
        (30, 30, False, False),  # held back: every run would hold it back again
        (29, 30, False, True),  # something came back: perhaps it is no mass delete any more
        (0, 30, False, True),  # all came back: the alert must go
        (30, 30, True, True),  # a person let it through
        (0, 0, True, False),
    ],
)
def test_what_a_complete_pass_without_news_asks_for(
    n_gone: int, held_back: int, confirmed: bool, expected: bool
) -> None:
    assert pass_asks_for_run(n_gone, held_back, confirmed=confirmed) is expected


def test_a_reason_that_a_run_did_not_settle_is_asked_for_ever_more_rarely() -> None:
    why = reason("new", 1, "broken.md", "7")
    asked = ask(None, why, now=100.0)
    assert asked == Asked(reason=why, at=100.0)
    assert ask(asked, why, now=114.9) is None
    again = ask(asked, why, now=115.0)
    assert again == Asked(reason=why, at=115.0, times=2)
    assert ask(again, why, now=144.9) is None


def test_another_reason_is_asked_for_at_once() -> None:
    asked = Asked(reason=reason("new", "a"), at=100.0, times=9)
    assert ask(asked, reason("new", "b"), now=100.1) == Asked(reason=reason("new", "b"), at=100.1)


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 10_000))
def test_waiting_grows_and_is_bounded(times: int) -> None:
    assert wait_after(times) <= wait_after(times + 1) <= LONGEST_WAIT_SECONDS


@settings(deadline=None, max_examples=50)
@given(
    st.builds(
        Cursor,
        position=st.none() | POSITIONS,
        asked=st.dictionaries(
            st.integers(1), st.builds(Asked, reason=st.text(), at=st.floats(0, 1e12), times=st.integers(1))
        ),
    )
)
def test_a_cursor_comes_back_as_it_was(cursor: Cursor) -> None:
    assert read_cursor(cursor.to_json()) == cursor


@pytest.mark.parametrize(
    "text", [None, "", "nonsense", "[]", '{"position": {"other": 1}}', '{"asked": {"x": {}}}', "7"]
)
def test_a_cursor_of_another_release_is_a_fresh_start(text: str | None) -> None:
    assert read_cursor(text) == Cursor()


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(), unique=True), st.integers())
def test_every_tenant_has_its_turn_wherever_the_last_tick_stopped(tenants: list[int], stopped: int) -> None:
    order = resumed(tenants, Position(tenant_id=stopped, source_id=1))
    assert sorted(order) == sorted(tenants)
    assert stopped not in tenants or order[0] == stopped


def test_partitions_follow_the_tenants() -> None:
    assert partition_changes(["a", "b"], {"b", "c"}) == (["a"], ["c"])


@pytest.mark.parametrize(
    ("launched_through", "own", "updated_at", "expected"),
    [
        ("/run/a.sock", "/run/a.sock", 99.0, True),
        ("/run/a.sock", "/run/a.sock", 101.0, False),  # this server launched it
        ("/run/b.sock", "/run/a.sock", 99.0, False),  # another server's
        (None, "/run/a.sock", 99.0, False),
        (None, None, 99.0, False),  # we are no code server
    ],
)
def test_only_a_run_of_this_servers_predecessor_is_dead(
    launched_through: str | None, own: str | None, updated_at: float, expected: bool
) -> None:
    assert worker_is_gone(launched_through, own, updated_at, started_at=100.0) is expected
