"""One bad task costs itself and no more."""

import os
import time

import pytest

from prodgen_pipeline.core.errors import ConfigurationError, DocumentRejected
from prodgen_pipeline.lifecycle.pool import WorkerPool


def double(number: int) -> int:
    if number == 13:
        raise DocumentRejected("empty", "thirteen is empty")
    if number == 14:
        return [][number]
    if number == 15:
        raise ConfigurationError("fifteen is misconfigured")
    return number * 2


def die_at_three(number: int) -> int:
    if number == 3:
        os._exit(9)
    return number


def hang_at_two(number: int) -> int:
    if number == 2:
        time.sleep(600)
    return number


@pytest.mark.parametrize("isolated", [False, True])
def test_results_come_in_order_and_a_rejection_is_a_value(isolated: bool) -> None:
    with WorkerPool(1, inline_tasks=8) as pool:
        first, rejected, last = pool.map(double, [1, 13, 2], isolated=isolated)
    assert (first, last) == (2, 4)
    assert isinstance(rejected, DocumentRejected)
    assert rejected.reason == "empty"


def test_a_fault_of_ours_costs_one_document_and_names_its_place_without_its_text() -> None:
    with WorkerPool(1, inline_tasks=8) as pool:
        [fault] = pool.map(double, [14])
    assert isinstance(fault, DocumentRejected)
    assert fault.reason == "internal"
    assert "IndexError at test_pool.py:" in str(fault)


def test_a_wrong_configuration_stops_the_run() -> None:
    with WorkerPool(1, inline_tasks=8) as pool, pytest.raises(ConfigurationError, match="fifteen"):
        pool.map(double, [15])


def test_a_worker_that_dies_costs_its_own_document(recwarn: pytest.WarningsRecorder) -> None:
    with WorkerPool(2) as pool:
        results = pool.map(die_at_three, [1, 2, 3, 4])
        assert [results[0], results[1], results[3]] == [1, 2, 4]
        assert isinstance(results[2], DocumentRejected)
        assert results[2].reason == "worker_died"
        assert pool.map(die_at_three, [5, 6]) == [5, 6], "the pool goes on"


def test_a_worker_that_stays_silent_costs_its_own_document() -> None:
    with WorkerPool(2, silence_seconds=4) as pool:
        results = pool.map(hang_at_two, [1, 2, 3])
    assert (results[0], results[2]) == (1, 3)
    assert isinstance(results[1], DocumentRejected)
    assert results[1].reason == "timeout"
