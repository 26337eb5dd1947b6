"""From what came of each golden case to scores, overall and by slice. Pure: no search, no database.

Belongs here: which measure applies to which case. Does not: the measures themselves (core.metrics), asking (run).
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from statistics import fmean

from prodgen_pipeline.core.metrics import ndcg_at_k, recall_at_k, reciprocal_rank
from prodgen_pipeline.evaluation.cases import Case

#: Ranks at which recall is reported.
RECALL_AT = (1, 5, 10)
#: Rank down to which everything else is looked at.
DEPTH = 10
#: Name of the part of the scores that covers every case.
OVERALL = "overall"

Scores = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What the query path did with one case."""

    case: Case
    #: The case's relevant documents as they are found: a copy counts as its canonical document.
    relevant: frozenset[str]
    #: URIs of the hits, best first, each once.
    ranking: tuple[str, ...]
    #: The best hits' text.
    evidence: str
    answer: str
    refused: bool
    #: URIs that the answer cites.
    cited: frozenset[str]


def score_case(outcome: Outcome) -> Scores:
    """Return the measures that are defined for this case, each 0 to 1.

    A case to refuse has `refusal_rate` alone. Any other has `false_refusal_rate` and the measures of its ranking; the
    measures of an answer's text are defined where the case names one, that of citations where something was answered.
    """
    case = outcome.case
    if case.refuse:
        return {"refusal_rate": float(outcome.refused)}
    scores = {f"recall@{k}": recall_at_k(outcome.ranking, outcome.relevant, k) for k in RECALL_AT}
    scores[f"hit@{DEPTH}"] = float(bool(outcome.relevant & set(outcome.ranking[:DEPTH])))
    scores[f"ndcg@{DEPTH}"] = ndcg_at_k(outcome.ranking, dict.fromkeys(outcome.relevant, 1.0), DEPTH)
    scores[f"mrr@{DEPTH}"] = reciprocal_rank(outcome.ranking, outcome.relevant, DEPTH)
    scores["false_refusal_rate"] = float(outcome.refused)
    if case.answer is not None:
        scores["answer_in_hits"] = float(holds(outcome.evidence, case.answer))
        scores["answer_found"] = float(not outcome.refused and holds(outcome.answer, case.answer))
    if not outcome.refused:
        scores["cited_relevant"] = float(bool(outcome.relevant & outcome.cited))
    return scores


def failures(outcome: Outcome) -> list[str]:
    """Codes of what is wrong with a case, none where it is as it should be."""
    scores = score_case(outcome)
    checks = {
        "not_refused": scores.get("refusal_rate", 1.0) == 0.0,
        "refused": scores.get("false_refusal_rate", 0.0) == 1.0,
        "not_retrieved": scores.get(f"hit@{DEPTH}", 1.0) == 0.0,
        "answer_not_found": scores.get("answer_found", 1.0) == 0.0,
        "not_cited": scores.get("cited_relevant", 1.0) == 0.0,
    }
    return [code for code, wrong in checks.items() if wrong]


def summarise(outcomes: Sequence[Outcome]) -> dict[str, Scores]:
    """Means over the cases for which a measure is defined, for `overall` and for each slice, with `n_cases`.

    A measure that no case of a part defines is left out of that part: there is no score without a case behind it.
    """
    parts: dict[str, list[Outcome]] = {OVERALL: list(outcomes)} if outcomes else {}
    for outcome in sorted(outcomes, key=lambda each: each.case.slice):
        parts.setdefault(f"slice:{outcome.case.slice}", []).append(outcome)
    return {part: _means([score_case(each) for each in cases]) for part, cases in parts.items()}


def holds(text: str, wanted: str) -> bool:
    """Whether a text holds a string, runs of white space counting as one space and case not at all."""
    return _folded(wanted) in _folded(text)


def relevant_documents(uris: Collection[str], canonical_of: dict[str, str]) -> frozenset[str]:
    """The documents under which searches find these: a copy is found as its canonical document."""
    return frozenset(canonical_of.get(uri, uri) for uri in uris)


def _means(scores: Sequence[Scores]) -> Scores:
    names = dict.fromkeys(name for each in scores for name in each)
    means = {name: round(fmean(each[name] for each in scores if name in each), 4) for name in names}
    return {"n_cases": len(scores), **means}


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()
