"""`bench routing` on a small set: that it adds up, and that what is fitted tells right from wrong."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from prodgen_pipeline.clients.generator import Generator
from prodgen_pipeline.core.errors import UsageError
from prodgen_pipeline.core.routing import TierConfig, TieringConfig, parse_calibrations
from prodgen_pipeline.evaluation.benchmarks.routing import (
    SHARES,
    Asked,
    auroc,
    calibrations,
    fit_logistic,
    measure_routing,
    quality_at,
)
from prodgen_pipeline.settings import Settings
from prodgen_pipeline_tests.scripted_endpoint import ScriptedEndpoint
from prodgen_pipeline_tests.scripted_models import ScriptedModel

PLACES = ("Altona", "Bergen", "Calais", "Delft", "Emden", "Faro", "Gdansk", "Hull", "Izmir", "Jena", "Kiel", "Lviv")
FAST = ScriptedModel(name="fast", simple_error_rate=0.5, complex_error_rate=0.5)
STRONG = ScriptedModel(name="strong")


def asked(fast: bool, strong: bool) -> Asked:
    return Asked(question_id="q", fast_is_right=fast, strong_is_right=strong, features={}, first=None)


def test_the_curve_goes_from_one_model_to_the_other() -> None:
    questions = [asked(False, True), asked(True, True), asked(True, False), asked(False, False)]
    assert [quality_at(questions, share) for share in (0, 0.25, 1)] == [0.5, 0.75, 0.5]


@pytest.mark.parametrize(
    ("values", "area"), [([0.1, 0.2, 0.8, 0.9], 1.0), ([0.9, 0.8, 0.2, 0.1], 0.0), ([0.5] * 4, 0.5)]
)
def test_the_area_under_the_curve_is_the_share_of_pairs_in_order(values: list[float], area: float) -> None:
    assert auroc(values, [False, False, True, True]) == area
    assert auroc(values, [True] * 4) == 0.5


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
@examples(deadline=None, max_examples=50)
def test_the_area_is_what_counting_pairs_gives(pairs: list[tuple[int, bool]]) -> None:
    positive = [value for value, is_positive in pairs if is_positive]
    negative = [value for value, is_positive in pairs if not is_positive]
    counted = [(a > b) + (a == b) / 2 for a in positive for b in negative]
    assert auroc([value for value, _ in pairs], [each for _, each in pairs]) == pytest.approx(
        sum(counted) / len(counted) if counted else 0.5
    )


def test_a_fit_finds_what_matters_and_leaves_out_what_does_not() -> None:
    rolls = np.random.default_rng(3)
    rows = [{"matters": float(a), "noise": float(b)} for a, b in rolls.normal(size=(400, 2))]
    outcomes = [bool(row["matters"] + rolls.normal() > 0) for row in rows]
    fitted = fit_logistic([row | {"constant": 1.0} for row in rows], outcomes)
    assert fitted.weights.keys() == {"matters", "noise"}
    assert fitted.weights["matters"][2] > 5 * abs(fitted.weights["noise"][2])
    assert fitted.probability({"matters": 2.0, "noise": 0.0}) > 0.9


@pytest.fixture
def data_set(tmp_path: Path) -> Path:
    folder = tmp_path / "harbours"
    folder.mkdir()
    questions = [(place, what) for place in PLACES for what in ("cranes", "piers")]
    with (folder / "corpus.jsonl").open("w") as file:
        for number, place in enumerate(PLACES):
            text = f"The harbour of {place} has {number + 20} cranes. It has {number + 50} piers near the town."
            file.write(json.dumps({"id": place, "title": f"Harbour of {place}", "text": text}) + "\n")
    with (folder / "queries.jsonl").open("w") as file:
        for place, what in questions:
            line = {"id": f"{place}-{what}", "text": f"How many {what} has {place}?", "answers": [f"It has {what}"]}
            file.write(json.dumps(line) + "\n")
    lines = [f"{place}-{what}\t{place}\t1" for place, what in questions]
    (folder / "qrels.tsv").write_text("\n".join(["query_id\tdoc_id\tgrade", *lines]))
    return folder


def test_both_models_are_graded_a_calibration_is_fitted_and_the_ladder_answers(
    settings: Settings, data_set: Path
) -> None:
    tiering = TieringConfig(fast=TierConfig(model=FAST.name), strong=TierConfig(model=STRONG.name))
    with ScriptedEndpoint(tiers=(FAST, STRONG)) as endpoint:
        generator = Generator(base_url=endpoint.base_url, api_key="k", model="", timeout_seconds=10.0)
        report = measure_routing(settings, [data_set], generator, tiering)
        generator.close()
    assert report.n_fit + report.n_held_out == 2 * len(PLACES)
    assert report.strong_quality > report.fast_quality
    assert [len(signal.quality) for signal in report.signals] == [len(SHARES)] * 2
    assert [signal.quality[-1] for signal in report.signals] == [report.strong_quality] * 2
    assert parse_calibrations(json.loads(calibrations(report))) == {"need": report.need, "doubt": report.doubt}
    ladder = report.ladders["harbours"]
    assert ladder.n_questions == report.n_held_out
    assert ladder.quality > report.fast_quality
    assert sum(ladder.answered_by.values()) == pytest.approx(1.0, abs=0.001)
    assert 0 < ladder.usd_per_question


def test_a_set_without_answers_is_named(settings: Settings, data_set: Path) -> None:
    lines = (data_set / "queries.jsonl").read_text().splitlines()
    bare = [json.dumps({"id": line["id"], "text": line["text"]}) for line in map(json.loads, lines)]
    (data_set / "queries.jsonl").write_text("\n".join(bare))
    generator = Generator(base_url="http://127.0.0.1:9/v1", api_key="k", model="", timeout_seconds=1.0)
    with pytest.raises(UsageError, match="answers"):
        measure_routing(settings, [data_set], generator, TieringConfig())
