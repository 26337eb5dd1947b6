"""Which tier answers a question, and what comes next when it does not: extractive, fast model, strong model.

Belongs here: what can be read off a question and its hits, the calibrated need of the strong tier, the ladder of
fallbacks. Does not: calling models (`clients.generator`, `serving.tiers`), what a budget allows (the caller's `Cap`),
the fit of the coefficients (`evaluation.benchmarks.routing`, which writes `routing.v1.json` beside this file).
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

from prodgen_pipeline.core.answer_checks import CheckConfig
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.core.models import Hit, Usage
from prodgen_pipeline.core.ranking.lexical import query_terms, terms
from prodgen_pipeline.core.statements import statements


class Tier(StrEnum):
    """Who answers."""

    EXTRACTIVE = "extractive"
    FAST = "fast"
    STRONG = "strong"


class Cap(StrEnum):
    """What a budget still allows, from all to nothing that costs."""

    NONE = "none"
    #: The strong tier is out.
    NO_STRONG = "no_strong"
    #: So is every second call, and the fast tier where an extract will do.
    CHEAPEST = "cheapest"
    EXTRACTIVE_ONLY = "extractive_only"


@dataclass(frozen=True, slots=True, kw_only=True)
class TierConfig:
    """One generating tier. A model without a price of its own costs the defaults."""

    #: Empty: the first model that the endpoint lists.
    model: str = ""
    #: Covers all tries of one call.
    timeout_seconds: float = 30.0
    max_output_tokens: int = 600
    usd_per_million_input_tokens: float = 1.0
    usd_per_million_output_tokens: float = 4.0

    def cost(self, input_tokens: int, output_tokens: int) -> Usage:
        """What so many tokens cost."""
        dollars = input_tokens * self.usd_per_million_input_tokens + output_tokens * self.usd_per_million_output_tokens
        return Usage(input_tokens=input_tokens, output_tokens=output_tokens, usd=round(dollars / 1_000_000, 9))


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A logistic model: the probability of something from named features. Features it does not know count nothing."""

    intercept: float
    #: By feature: (mean, scale, weight); the scaled feature is (value - mean) / scale.
    weights: Mapping[str, tuple[float, float, float]]

    def probability(self, features: Mapping[str, float]) -> float:
        """Between 0 and 1; a feature that is missing is taken to be as usual."""
        logit = self.intercept + sum(
            weight * (features[name] - mean) / scale
            for name, (mean, scale, weight) in self.weights.items()
            if name in features
        )
        return 1 / (1 + math.exp(-max(-40.0, min(40.0, logit))))


@cache
def shipped() -> dict[str, Calibration]:
    """The calibrations that come with the package, by name: `need` and `doubt`."""
    text = files("prodgen_pipeline.core").joinpath("routing.v1.json").read_text(encoding="utf-8")
    return parse_calibrations(json.loads(text))


def parse_calibrations(found: Mapping[str, Any]) -> dict[str, Calibration]:
    """Read `{"need": {"intercept": ..., "weights": {name: [mean, scale, weight]}}, ...}`; raises ConfigurationError."""
    try:
        read = {
            name: Calibration(
                intercept=float(found[name]["intercept"]),
                weights={
                    feature: (float(mean), float(scale), float(weight))
                    for feature, (mean, scale, weight) in found[name]["weights"].items()
                },
            )
            for name in ("need", "doubt")
        }
        if any(scale <= 0 for each in read.values() for _, scale, _ in each.weights.values()):
            raise ValueError("a scale above 0")
        return read
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the calibration of routing lacks or misspells {error}: run `bench routing`"
        ) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingConfig:
    """When a question goes where. Part of a release, coefficients included."""

    #: Probability that the fast tier's answer is wrong, from the question and its hits.
    need: Calibration = field(default_factory=lambda: shipped()["need"])
    #: The same once its first sentence is there.
    doubt: Calibration = field(default_factory=lambda: shipped()["doubt"])
    #: Above this need the strong tier answers; on the questions of the fit some three in ten.
    strong_above: float = 0.42
    #: Above this doubt an answer of the fast tier that nobody has seen yet is given up for one of the strong tier.
    escalate_above: float = 0.55
    #: Below this need the documents' own sentences answer though there are models; 0: never.
    extractive_below: float = 0.0
    #: The same under `Cap.CHEAPEST`.
    cheapest_extractive_below: float = 0.25


TURN_PROMPTS = {
    "follow_up": "followup.v1",
    "rephrase": "rephrase.v1",
    "correction": "correction.v1",
    "challenge": "challenge.v1",
    "affirmation": "affirmation.v1",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TieringConfig:
    """All that makes generated answers, beside retrieval. Part of a release."""

    fast: TierConfig = field(default_factory=TierConfig)
    strong: TierConfig = field(default_factory=TierConfig)
    routing: RoutingConfig = field(default_factory=RoutingConfig)
    checks: CheckConfig = field(default_factory=CheckConfig)
    prompt: str = "answer.v2"
    strict_prompt: str = "answer_strict.v1"
    #: Prompts for turns that go on with a conversation, by type of turn; other turns have `prompt`.
    turn_prompts: Mapping[str, str] = field(default_factory=lambda: dict(TURN_PROMPTS))
    #: Hits that a model is shown, and word pieces of their documents' text around them; twice as many at a second look.
    prompt_hits: int = 6
    context_tokens: int = 3_000

    def tier(self, tier: Tier) -> TierConfig:
        """The configuration of a generating tier."""
        return self.strong if tier is Tier.STRONG else self.fast

    @property
    def prompts(self) -> tuple[str, ...]:
        """Names of all prompts that an answer may be worded with."""
        return (self.prompt, self.strict_prompt, *self.turn_prompts.values())

    @property
    def has_strong(self) -> bool:
        """Whether there is a tier above the fast one: with one model for both, routing would only change its name."""
        return self.strong.model != self.fast.model


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where a question goes, and why."""

    tier: Tier
    #: Probability that the fast tier's answer is wrong; 0 where no model is asked.
    need: float = 0.0
    #: To be decided again with more hits: before a bigger model is asked, twice as many are looked at.
    retrieve_more: bool = False
    cap: Cap = Cap.NONE
    features: Mapping[str, float] = field(default_factory=dict)


class Outcome(StrEnum):
    """How one call of a model ended, before anything of it was shown."""

    #: No sentence of it stands in the evidence, or too little speaks for it.
    UNGROUNDED = "ungrounded"
    #: It says that the evidence does not answer.
    REFUSED = "refused"
    #: The endpoint did not answer.
    FAILED = "failed"
    #: The budget did not allow it.
    UNAFFORDABLE = "unaffordable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """One call of a model."""

    tier: Tier
    #: With the stricter prompt.
    strict: bool = False
    #: With more evidence than before.
    more: bool = False


#: A question costs no more calls than these, whatever happens.
MAX_CALLS = 3


def choose(
    question: str, hits: Sequence[Hit], config: RoutingConfig, *, cap: Cap = Cap.NONE, retrieved_more: bool = False
) -> Route:
    """Choose the tier for a question, as redacted, and what was found for it.

    Where the answer is `retrieve_more`, search again with twice as many hits and ask again with `retrieved_more`.
    """
    if cap is Cap.EXTRACTIVE_ONLY:
        return Route(tier=Tier.EXTRACTIVE, cap=cap)
    features = question_features(question) | retrieval_features(question, hits)
    need = config.need.probability(features)
    below = config.cheapest_extractive_below if cap is Cap.CHEAPEST else config.extractive_below
    if need < below:
        return Route(tier=Tier.EXTRACTIVE, need=need, cap=cap, features=features)
    is_strong = need > config.strong_above and cap is Cap.NONE
    more = need > config.strong_above and not retrieved_more
    return Route(
        tier=Tier.STRONG if is_strong else Tier.FAST, need=need, retrieve_more=more, cap=cap, features=features
    )


def next_rung(route: Route, tried: Sequence[tuple[Rung, Outcome]], *, can_retrieve_more: bool) -> Rung | None:
    """The next call after those that came to nothing; None: no further one, the documents' own sentences answer.

    A failing endpoint is answered for by the tier below, an answer that does not hold by the strong tier once and by
    the stricter prompt once, a refusal by a second look with more evidence.
    """
    if not tried:
        return None if route.tier is Tier.EXTRACTIVE else Rung(tier=route.tier)
    last, outcome = tried[-1]
    if len(tried) >= MAX_CALLS or route.cap is Cap.CHEAPEST:
        return None
    if outcome in (Outcome.FAILED, Outcome.UNAFFORDABLE):
        has_lower = last.tier is Tier.STRONG and all(rung.tier is not Tier.FAST for rung, _ in tried)
        return Rung(tier=Tier.FAST) if has_lower else None
    if outcome is Outcome.REFUSED:
        has_looked = any(rung.more for rung, _ in tried)
        return Rung(tier=last.tier, more=True) if can_retrieve_more and not has_looked else None
    if can_escalate(route, tried):
        return Rung(tier=Tier.STRONG, strict=True)
    return None if last.strict else Rung(tier=last.tier, strict=True)


def can_escalate(route: Route, tried: Sequence[tuple[Rung, Outcome]]) -> bool:
    """Whether the strong tier may still be asked."""
    return route.cap is Cap.NONE and all(rung.tier is not Tier.STRONG for rung, _ in tried)


_COMPARISON = re.compile(
    r"\b(?:compar\w+|differ\w*|distin\w+|versus|vs|than|better|worse|both|similar\w*|rather|advantages?|unterschied\w*|vergl\w+)\b",
    re.IGNORECASE,
)
_AGGREGATION = re.compile(
    r"\b(?:how many|how much|total|sum|average|mean|all|every|each|list|most|least|highest|lowest|largest|count|share|"
    r"percentage|wie viele|alle|insgesamt)\b",
    re.IGNORECASE,
)
_MULTI_HOP = re.compile(
    r"\b(?:why|how (?:does|do|did|can|could|come)|caus\w+|effects?|affect\w*|relat\w+|because|leads?|impact\w*|role|"
    r"before|after|during|whose|depend\w*|explain\w*|implication\w*|warum|weshalb)\b",
    re.IGNORECASE,
)
_NEGATION = re.compile(
    r"\b(?:not|no|none|never|without|except|exclud\w+|neither|nor|\w+n['’]t|nicht|kein\w*|ohne)\b", re.IGNORECASE
)
_ASKS = re.compile(r"\b(?:what|who|whom|whose|which|when|where|why|how|was|wer|wann|wo|warum|wie)\b", re.IGNORECASE)
_JOINED = re.compile(r"\b(?:and|or|as well as|und|oder)\b|[,;]", re.IGNORECASE)


def question_features(question: str) -> dict[str, float]:
    """What a question's words tell of the work it makes."""
    n_terms = len(query_terms(question))
    return {
        "length": math.log1p(len(question.split())),
        "terms": math.log1p(n_terms),
        "asks": float(max(question.count("?"), min(3, len(_ASKS.findall(question))))),
        "joined": float(min(3, len(_JOINED.findall(question)))),
        "comparison": float(bool(_COMPARISON.search(question))),
        "aggregation": float(bool(_AGGREGATION.search(question))),
        "multi_hop": float(min(2, len(_MULTI_HOP.findall(question)))),
        "negation": float(bool(_NEGATION.search(question))),
    }


#: Hits that are read for the features: an answer mostly stands in one of the first.
_READ_HITS = 5


def retrieval_features(question: str, hits: Sequence[Hit]) -> dict[str, float]:
    """How sure the search was of what it found; all 0 where it found nothing.

    `statement` is the share of the question's terms that the best single statement holds, rare ones counting more:
    an answer that stands in one sentence is copied, one that has to be put together is not.
    """
    first = hits[:_READ_HITS]
    similarities = [hit.similarity or 0.0 for hit in first]
    coverages = [hit.term_coverage or 0.0 for hit in first]
    scores = [hit.score for hit in first]
    best, second, together = _statement_shares(question, first)
    return {
        "similarity": max(similarities, default=0.0),
        "coverage": max(coverages, default=0.0),
        "margin": (scores[0] - scores[1]) / abs(scores[0]) if len(scores) > 1 and scores[0] else 0.0,
        "agreement": _agreement(similarities, coverages),
        "statement": best,
        "statement_margin": best - second,
        "scattered": together - best,
        "documents": float(len({hit.document_id for hit in first})),
    }


def _agreement(similarities: Sequence[float], coverages: Sequence[float]) -> float:
    """Share of the three most similar hits that are among the three with most of the question's terms."""
    n = min(3, len(similarities))
    tops = [set(sorted(range(len(each)), key=lambda at: -each[at])[:n]) for each in (similarities, coverages)]
    return len(tops[0] & tops[1]) / n if n else 0.0


def _statement_shares(question: str, hits: Sequence[Hit]) -> tuple[float, float, float]:
    """The question's weighted terms in the best statement, in the best one of another hit, in the best hit."""
    wanted = query_terms(question).keys()
    held = [[frozenset(terms(each.wording)) & wanted for each in statements(hit.text)] for hit in hits]
    n_statements = sum(len(each) for each in held)
    weights = {
        term: math.log1p(n_statements / (1 + sum(term in each for per_hit in held for each in per_hit)))
        for term in wanted
    }
    total = sum(weights.values()) or 1.0

    def share(found: frozenset[str]) -> float:
        return sum(weights[term] for term in found) / total

    bests = sorted((max((share(each) for each in per_hit), default=0.0) for per_hit in held), reverse=True)
    together = max((share(frozenset().union(*per_hit)) for per_hit in held), default=0.0)
    return (*(bests + [0.0, 0.0])[:2], together)  # type: ignore[return-value]  # two of them, always


def doubt_features(
    need: float, *, support: float, relevance: float, best_relevance: float, cited: Sequence[int]
) -> dict[str, float]:
    """What the first sentence of an answer tells of it: borne out how well, about the question how much, from where.

    `relevance` and `best_relevance` are the shares of the question's terms in the sentence and in the best statement
    of the evidence: who cites something else than the plainest statement has a reason, or is wrong.
    """
    return {
        "need": need,
        "support": support,
        "relevance": relevance,
        "relevance_lost": best_relevance - relevance,
        "cited_rank": math.log1p(min(cited, default=10)),
    }
