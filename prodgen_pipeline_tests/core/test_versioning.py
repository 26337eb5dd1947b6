"""Fingerprints, hashes, and what a listing means against what is known."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.core.configuration import ChunkingConfig, CleaningConfig
from prodgen_pipeline.core.errors import IntegrityError
from prodgen_pipeline.core.models import Element, ElementType, ListedObject
from prodgen_pipeline.core.versioning import (
    Change,
    ChangeKind,
    KnownDocument,
    changes,
    content_hash,
    fingerprint,
    mass_delete,
    match_renames,
    output_hash,
)


@dataclass(frozen=True)
class Rules:
    names: tuple[str, ...] = ("unicode",)
    share: float = 0.5


def listed(uri: str, sign: str = "1") -> ListedObject:
    return ListedObject(uri=uri, size=1, sign=sign)


def known(uri: str, sign: str = "1") -> KnownDocument:
    return KnownDocument(uri=uri, document_id=f"id-{uri}", sign=sign, content_hash="c")


def test_a_fingerprint_changes_with_every_part_of_it_and_with_nothing_else():
    first = fingerprint("chunking", "1", ChunkingConfig(), "up")
    assert first == fingerprint("chunking", "1", ChunkingConfig(), "up")
    assert len(first) == 16
    others = {
        fingerprint("cleaning", "1", ChunkingConfig(), "up"),
        fingerprint("chunking", "2", ChunkingConfig(), "up"),
        fingerprint("chunking", "1", ChunkingConfig(max_tokens=128), "up"),
        fingerprint("chunking", "1", ChunkingConfig(), "other"),
        fingerprint("chunking", "1", CleaningConfig(), "up"),
    }
    assert len(others | {first}) == 6


def test_a_fingerprint_is_the_same_in_every_process_and_release():
    assert fingerprint("cleaning", "1", Rules()) == "89d6a95031f3e371"


def test_content_hash_is_sha256():
    assert content_hash(b"abc") == hashlib.sha256(b"abc").hexdigest()


def test_the_output_hash_tells_apart_elements_that_read_the_same():
    a, b = (Element(type=ElementType.PARAGRAPH, text=text) for text in ("one", "two"))
    joined = Element(type=ElementType.PARAGRAPH, text="onetwo")
    variants = [
        [a, b],
        [b, a],
        [joined],
        [a],
        [],
        [replace(a, type=ElementType.CODE), b],
        [replace(a, page=1), b],
        [replace(a, level=1), b],
        [replace(a, has_header=True), b],
        [replace(a, language="c"), b],
    ]
    assert len({output_hash(variant) for variant in variants}) == len(variants)
    assert output_hash([a, b]) == output_hash((replace(a), replace(b)))


def test_a_listing_is_compared_in_one_pass():
    found = list(
        changes(
            [listed("a"), listed("b", "2"), listed("d")],
            [known("b", "1"), known("c"), known("d")],
        )
    )
    assert [(change.kind, change.uri) for change in found] == [
        (ChangeKind.NEW, "a"),
        (ChangeKind.TOUCHED, "b"),
        (ChangeKind.GONE, "c"),
        (ChangeKind.UNCHANGED, "d"),
    ]
    assert found[1].known == known("b", "1")
    assert found[2].listed is None


def test_a_listing_that_fails_half_way_raises_before_it_reports_the_rest_as_gone():
    def failing() -> Iterator[ListedObject]:
        yield listed("a")
        raise ConnectionError

    seen: list[Change] = []
    with pytest.raises(ConnectionError):
        seen.extend(changes(failing(), [known("a"), known("b"), known("c")]))
    assert not [change for change in seen if change.kind is ChangeKind.GONE]


@pytest.mark.parametrize("uris", [("b", "a"), ("a", "a")])
def test_a_listing_out_of_order_is_refused_rather_than_misread(uris: tuple[str, ...]):
    with pytest.raises(IntegrityError, match="sorted by URI"):
        list(changes([listed(uri) for uri in uris], []))
    with pytest.raises(IntegrityError, match="sorted by URI"):
        list(changes([], [known(uri) for uri in uris]))


@settings(deadline=None, max_examples=60)
@given(
    st.dictionaries(st.text(max_size=3), st.sampled_from("12"), max_size=12),
    st.dictionaries(st.text(max_size=3), st.sampled_from("12"), max_size=12),
)
def test_the_merge_agrees_with_sets(here: dict[str, str], before: dict[str, str]):
    found = list(
        changes(
            (listed(uri, sign) for uri, sign in sorted(here.items())),
            (known(uri, sign) for uri, sign in sorted(before.items())),
        )
    )
    by_kind = {kind: {change.uri for change in found if change.kind is kind} for kind in ChangeKind}
    both = here.keys() & before.keys()
    assert by_kind[ChangeKind.NEW] == here.keys() - before.keys()
    assert by_kind[ChangeKind.GONE] == before.keys() - here.keys()
    assert by_kind[ChangeKind.TOUCHED] == {uri for uri in both if here[uri] != before[uri]}
    assert len(found) == len(here.keys() | before.keys())


def test_a_document_that_moved_keeps_its_identity():
    assert match_renames({"new.md": "h1", "other.md": "h2"}, {"d1": "h1", "d2": "h3"}) == {"new.md": "d1"}


@pytest.mark.parametrize(
    ("new", "gone"),
    [
        ({"a": "h", "b": "h"}, {"d": "h"}),
        ({"a": "h"}, {"d": "h", "e": "h"}),
        ({}, {"d": "h"}),
    ],
)
def test_an_ambiguous_move_is_no_rename(new: dict[str, str], gone: dict[str, str]):
    assert match_renames(new, gone) == {}


@pytest.mark.parametrize(
    ("n_gone", "n_known", "held_back"),
    [(0, 0, False), (2, 2, False), (2, 100, False), (20, 100, False), (21, 100, True), (5, 5, True)],
)
def test_a_mass_delete_waits_for_a_person(n_gone: int, n_known: int, held_back: bool):
    assert mass_delete(n_gone, n_known, 0.2) is held_back
