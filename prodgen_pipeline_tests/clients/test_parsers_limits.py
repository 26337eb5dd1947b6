"""Limits of time and memory around one document."""

import resource
import signal
import threading
import time

import pytest

from prodgen_pipeline.clients.parsers import parse
from prodgen_pipeline.clients.parsers.limits import limited
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.errors import DocumentRejected

# An interruption that lands in a finaliser or a callback of the garbage collector is reported by Python and lost there;
# the limit expects that and asks again. The tests say what came of it.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


def test_the_time_limit_interrupts_and_names_itself() -> None:
    with pytest.raises(DocumentRejected, match=r"longer than 0.05 s") as raised, limited(0.05, 10**9):
        time.sleep(30)
    assert raised.value.reason == "timeout"


def test_a_library_that_swallows_exceptions_is_interrupted_all_the_same() -> None:
    def stubborn() -> None:
        while True:
            try:
                time.sleep(0.01)
            except Exception:  # the habit under test
                continue

    with pytest.raises(DocumentRejected) as raised, limited(0.05, 10**9):
        stubborn()
    assert raised.value.reason == "timeout"


def test_a_bare_except_is_interrupted_again() -> None:
    swallowed: list[BaseException] = []

    def deaf() -> None:
        while len(swallowed) < 2:
            try:
                time.sleep(30)
            except BaseException as error:  # the habit under test
                swallowed.append(error)
        time.sleep(30)

    with pytest.raises(DocumentRejected), limited(0.05, 10**9):
        deaf()
    assert len(swallowed) == 2


def test_the_memory_limit_counts_what_the_document_adds() -> None:
    with pytest.raises(DocumentRejected, match="100,000,000 bytes of memory") as raised, limited(30, 100_000_000):
        bytearray(400_000_000)
    assert raised.value.reason == "out_of_memory"
    with limited(30, 100_000_000):
        assert len(bytearray(20_000_000)) == 20_000_000


def test_timer_handler_and_memory_limit_are_as_before() -> None:
    before = resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM)
    with limited(30, 10**9):
        assert signal.getitimer(signal.ITIMER_REAL)[0] > 0
    with pytest.raises(ZeroDivisionError), limited(30, 10**9):
        raise ZeroDivisionError
    assert (resource.getrlimit(resource.RLIMIT_AS), signal.getsignal(signal.SIGALRM)) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_another_thread_parses_without_limits_of_its_own() -> None:
    titles: list[str | None] = []
    config = ParsingConfig()
    thread = threading.Thread(target=lambda: titles.append(parse(b"# Hello\n", uri="a.md", config=config).title))
    thread.start()
    thread.join()
    assert titles == ["Hello"]


def test_parsing_keeps_the_time_limit() -> None:
    text = "\n".join(f"- item {number}" for number in range(200_000)).encode()
    with pytest.raises(DocumentRejected) as raised:
        parse(text, uri="a.md", config=ParsingConfig(timeout_seconds=0.05))
    assert raised.value.reason == "timeout"
