"""What a search tells of terms that only others hold: results, counts and estimates here, times in the slow test."""

import random
from collections.abc import Callable

import numpy as np
import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.evaluation.attacks.side_channels import NOBODY, Comparison, compare, mann_whitney
from prodgen_pipeline.governance.secrets import run_secrets
from prodgen_pipeline.serving.service import QueryService
from prodgen_pipeline.settings import Settings
from prodgen_pipeline.storage.connection import Databases
from prodgen_pipeline.storage.statements import names, rooms, statement
from prodgen_pipeline.storage.tenants import Tenant
from prodgen_pipeline_tests import index_rows

N_TERMS = 12
OTHERS, GROUPS = "another tenant alone", "groups of others alone"


class SameForAll:
    """An embedder for which all questions mean the same, so that their terms alone make a difference."""

    def embed(self, texts: list[str]) -> np.ndarray:
        return index_rows.unit_vectors(1).repeat(len(texts), axis=0)


def words(n: int, seed: int) -> list[str]:
    """Of one length and shape, and in no language."""
    draw = random.Random(seed)
    return ["".join(draw.choice(letters) for letters in ("bdgkmprtvz", "aou") * 4) + "k" for _ in range(n)]


TERMS = dict(zip((NOBODY, OTHERS, GROUPS), (words(N_TERMS, seed) for seed in (1, 2, 3)), strict=True))
COMMON = words(300, 4)


def texts(n: int, seed: int, special: list[str]) -> list[list[str]]:
    """Documents of one chunk: thirty common words and each special one in every third."""
    draw = random.Random(seed)
    return [[" ".join([*draw.choices(COMMON, k=30), *draw.sample(special, len(special) // 3)])] for _ in range(n)]


@pytest.fixture
def make_service(
    databases: Databases, make_tenant: Callable[[str], Tenant], settings: Settings
) -> Callable[[int], tuple[QueryService, Tenant]]:
    def make(n: int) -> tuple[QueryService, Tenant]:
        asking, holding = make_tenant("asking"), make_tenant("holding")
        for tenant, principals, special, number in (
            (asking, "*", [], n), (asking, "group:board", TERMS[GROUPS], n // 4), (holding, "*", TERMS[OTHERS], n),
        ):  # fmt: skip
            with databases.pipeline.transaction(tenant.tenant_id) as tx:
                if principals == "*":
                    index_rows.open_generation(tx)
                index_rows.write_documents(
                    tx, texts(number, len(special), special), principals=[principals], prefix=principals[0]
                )
        with databases.pipeline.transaction(asking.tenant_id) as tx:
            index_rows.serve_release(tx)
        databases.pipeline.administer("index.gather_statistics")
        run_secrets(settings, databases.pipeline, asking.tenant_id)("pseudonyms")
        service = QueryService(settings, databases.serving, embedder=lambda config: SameForAll())  # type: ignore[arg-type]
        return service, asking

    return make


def compared(service: QueryService, tenant: Tenant, repeats: int) -> list[Comparison]:
    return compare(
        service, tenant, Reader(user="ann"), TERMS, question=lambda term: f"{COMMON[0]} {COMMON[1]} {term}",
        repeats=repeats,
    )  # fmt: skip


def test_a_term_of_others_gives_the_same_results_counts_and_estimates_as_one_of_nobody(
    make_service: Callable[[int], tuple[QueryService, Tenant]],
) -> None:
    found = compared(*make_service(400), repeats=N_TERMS)
    assert [each.kind for each in found] == [OTHERS, GROUPS]
    assert [(each.n_different, each.n_estimated_otherwise) for each in found] == [(0, 0), (0, 0)]


def test_a_very_common_term_of_another_tenant_is_estimated_as_one_of_nobody(
    databases: Databases, make_service: Callable[[int], tuple[QueryService, Tenant]]
) -> None:
    service, asking = make_service(60)
    common = """
        INSERT INTO corpus.index_terms
        SELECT t.tenant_id, t.generation_id, v.term, 1000 + n, t.access_id, t.postings
        FROM (SELECT * FROM corpus.index_terms WHERE tenant_id <> %s LIMIT 1) t
        CROSS JOIN unnest(%s::text[]) AS v (term) CROSS JOIN generate_series(1, 300) AS n
    """
    with psycopg.connect(databases.addresses.owner) as owner:
        owner.execute(common, [asking.tenant_id, TERMS[OTHERS]])
    databases.pipeline.administer("index.gather_statistics")
    [others, _] = compared(service, asking, repeats=1)
    assert others.n_estimated_otherwise == 0


@pytest.mark.slow
def test_a_term_of_others_takes_no_other_time_than_one_of_nobody(
    make_service: Callable[[int], tuple[QueryService, Tenant]], capsys: pytest.CaptureFixture[str]
) -> None:
    found = compared(*make_service(4_000), repeats=2_000)
    with capsys.disabled():
        for each in found:
            print(f"\n{each}")
    assert [(each.n_different, each.n_estimated_otherwise) for each in found] == [(0, 0), (0, 0)]
    # Two comparisons at the usual one in a hundred; times themselves are a figure, not a bar.
    assert all(each.p_value > 0.005 for each in found)


def test_no_statement_of_the_product_shows_a_plan() -> None:
    every = [statement(f"{room}.{name}") for room in rooms() for name in names(room)]
    assert [text for text in every if "EXPLAIN " in text] == []


@examples(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 20), min_size=3, max_size=30), st.lists(st.integers(0, 20), min_size=3, max_size=30))
def test_the_test_of_times_is_symmetric_and_never_out_of_range(first: list[int], second: list[int]) -> None:
    p, share = mann_whitney(first, second)
    turned, other_share = mann_whitney(second, first)
    assert 0 <= p <= 1
    assert (p, share) == (pytest.approx(turned), pytest.approx(1 - other_share))


def test_the_test_of_times_knows_the_textbook() -> None:
    # As scipy.stats.mannwhitneyu (asymptotic, with continuity correction) gives them.
    p, share = mann_whitney([19, 22, 16, 29, 24], [20, 11, 17, 12])
    assert (round(p, 5), share * 20) == (0.11135, 17)
    assert mann_whitney(range(100), range(1000, 1100))[0] < 1e-20
