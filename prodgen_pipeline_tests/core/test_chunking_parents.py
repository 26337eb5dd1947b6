"""Parents: the section around a chunk, or as much of it as fits."""

from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.chunking.parents import parents

PATHS = [(1,), (1, 2), (1, 2), (1, 3), (4,), (4,), (4,)]


def test_the_parent_is_the_smallest_section_that_holds_another_chunk():
    assert parents(PATHS, [10] * 7, 100) == [(0, 3), (1, 2), (1, 2), (0, 3), (4, 6), (4, 6), (4, 6)]


def test_of_a_section_too_large_the_parent_is_what_fits_around_the_chunk():
    alike = [(1,)] * 9
    assert parents(alike, [10] * 9, 30)[4] == (3, 5)
    assert parents(alike, [10] * 9, 30)[0] == (0, 2)
    assert parents(alike, [10] * 9, 30)[8] == (6, 8)
    assert parents(alike, [10] * 9, 49)[4] == (3, 6)


def test_a_chunk_alone_or_larger_than_a_parent_may_be_is_its_own():
    assert parents([()], [10], 100) == [(0, 0)]
    assert parents([(1,), (1,)], [50, 50], 40) == [(0, 0), (1, 1)]
    assert parents([], [], 100) == []


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.lists(st.integers(0, 2), max_size=3).map(tuple), st.integers(0, 30)), max_size=12).map(
        sorted
    ),
    st.integers(0, 80),
)
def test_a_parent_holds_its_chunk_and_never_more_than_fits(chunks: list[tuple[tuple[int, ...], int]], most: int):
    paths, costs = [path for path, _ in chunks], [cost for _, cost in chunks]
    for ordinal, (first, last) in enumerate(parents(paths, costs, most)):
        assert 0 <= first <= ordinal <= last < len(chunks)
        assert first == last or sum(costs[first : last + 1]) <= most
