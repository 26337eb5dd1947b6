"""`bench routing`: how well it is told beforehand, and from its first sentence, that the fast model's answer is wrong.

A data set is a folder as in `bench retrieval` whose questions have `answers`. Every question is answered by both models
of the endpoint, unchecked, and each answer compared with the passage that is known to hold the right one. Half of the
questions fit the calibration, the other half is reported on; then the ladder itself answers the second half.

Belongs here: asking, grading, fitting, curves. Does not: the signals (`core.routing`), the ladder (`serving.tiers`).
The endpoint is the configured one, so whoever runs their own models calibrates with their own questions.
"""

import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from statistics import fmean
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from prodgen_pipeline.core.answer_checks import Verdict, checks_for, numbers_of
from prodgen_pipeline.core.errors import EndpointUnavailable, UsageError
from prodgen_pipeline.core.models import Reader
from prodgen_pipeline.core.prompting import MARKER, read_citations
from prodgen_pipeline.core.ranking.lexical import terms
from prodgen_pipeline.core.routing import (
    Calibration,
    Cap,
    Route,
    RoutingConfig,
    Rung,
    Tier,
    TieringConfig,
    choose,
    doubt_features,
)
from prodgen_pipeline.core.sentence_assembly import SentenceAssembly
from prodgen_pipeline.evaluation.benchmarks.retrieval import JudgedSet, read_judged_set
from prodgen_pipeline.evaluation.benchmarks.scratch import Scratch, scratch, sync_in_own_process
from prodgen_pipeline.serving.search import EmbedderOf, SearchResult
from prodgen_pipeline.serving.service import QueryService, embedder_of
from prodgen_pipeline.serving.tiers import Answered, AnswerStream, rendered
from prodgen_pipeline.settings import Settings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prodgen_pipeline.clients.generator import Generator

#: Hits of a question, as the query path asks for.
N_HITS = 8
#: An answer is right if so many of its words stand in the right passage and so many of the known answer's in it.
MIN_PRECISION, MIN_RECALL = 0.8, 0.3
#: A feature that varies less is a constant.
SMALLEST_SCALE = 0.001
#: Points of the curve: shares of the strong tier.
SHARES = tuple(round(0.05 * n, 2) for n in range(21))
#: Of always asking the strong tier, what routing should reach.
GOOD_SHARE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One question, answered by both models."""

    question_id: str
    fast_is_right: bool
    strong_is_right: bool
    features: Mapping[str, float]
    #: Of the fast model's first sentence; None where it fails its checks.
    first: Mapping[str, float] | None

    @property
    def is_held_out(self) -> bool:
        """Whether it is reported on; the others fit."""
        return zlib.crc32(self.question_id.encode()) % 2 == 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """How well one signal tells the questions that need the strong model."""

    name: str
    #: Probability that a question which the fast model answers wrongly has the higher signal.
    auroc: float
    #: Quality at each of `SHARES`, most in need first.
    quality: tuple[float, ...]
    #: The smallest share that reaches `GOOD_SHARE` of always strong; 1 where none does.
    share_for_good: float
    #: Mean of the curve over random routing, 0 where no better.
    gain_over_random: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """What the ladder itself did with the questions that did not fit."""

    n_questions: int
    quality: float
    #: Shares of the questions: that were routed to the strong tier, and of the others, those that came to it later.
    routed_to_strong: float
    escalated: float
    #: By the tier that answered in the end.
    answered_by: Mapping[str, float]
    usd_per_question: float
    usd_always_strong: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingReport:
    """One or more data sets."""

    names: tuple[str, ...]
    n_fit: int
    n_held_out: int
    fast_quality: float
    strong_quality: float
    signals: tuple[Signal, ...]
    need: Calibration
    doubt: Calibration
    strong_above: float
    escalate_above: float
    ladders: Mapping[str, Ladder] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """An indexed data set and what asks it."""

    at: Scratch
    service: QueryService
    embedder: EmbedderOf
    judged: JudgedSet
    answers: Mapping[str, Sequence[str]]
    id_of: Mapping[str, str]
    generator: "Generator"
    tiering: TieringConfig

    def search(self, question_id: str, k: int = N_HITS) -> SearchResult:
        return self.service.search(self.at.tenant, self.judged.questions[question_id], reader=Reader(), k=k, widen=True)

    def is_right(self, question_id: str, text: str, cited: Sequence[str]) -> bool:
        """Whether an answer cites a right passage, says nothing that is not in it, and enough of the known answer."""
        passages = [each for each in cited if each in self.judged.grades[question_id]]
        said = set(terms(MARKER.sub(" ", text)))
        if not passages or not said:
            return False
        passage = " ".join(part for each in passages for part in self.judged.passages[each])
        if numbers_of(MARKER.sub(" ", text)) - numbers_of(passage) or len(
            said & set(terms(passage))
        ) < MIN_PRECISION * len(said):
            return False
        known = [set(terms(answer)) for answer in self.answers[question_id]]
        return any(len(said & each) >= MIN_RECALL * len(each) for each in known if each)


def measure_routing(
    settings: Settings,
    folders: Sequence[Path],
    generator: "Generator",
    tiering: TieringConfig,
    *,
    max_questions: int = 0,
    progress: Callable[[str], None] = lambda line: None,
) -> RoutingReport:
    """Ask every question of both tiers, fit on half of them, report on the other; `max_questions` of each set, 0: all.

    Raises:
        UsageError: a data set has no known answers, or too few to fit.
        NotFound: a data set is not there.
    """
    with ExitStack() as stack:
        benches = [
            stack.enter_context(_indexed(settings, folder, generator, tiering, max_questions, progress))
            for folder in folders
        ]
        asked: list[Asked] = []
        for bench in benches:
            progress(f"{bench.judged.name}: {len(bench.judged.grades)} questions to both tiers")
            asked += [each for question_id in bench.judged.grades if (each := _asked_of_both(bench, question_id))]
        report = _report(tuple(bench.judged.name for bench in benches), asked)
        routing = RoutingConfig(
            need=report.need,
            doubt=report.doubt,
            strong_above=report.strong_above,
            escalate_above=report.escalate_above,
        )
        held_out = {each.question_id for each in asked if each.is_held_out}
        ladders = {}
        for bench in benches:
            progress(f"{bench.judged.name}: the ladder")
            of_set = [each for each in bench.judged.grades if each in held_out]
            ladders[bench.judged.name] = _laddered(replace(bench, tiering=replace(tiering, routing=routing)), of_set)
    return replace(report, ladders=ladders)


def calibrations(report: RoutingReport) -> str:
    """The file of calibrations that ships with the package."""
    described = {"fitted_on": list(report.names), "need": asdict(report.need), "doubt": asdict(report.doubt)}
    return json.dumps(described, indent=2) + "\n"


@contextmanager
def _indexed(
    settings: Settings,
    folder: Path,
    generator: "Generator",
    tiering: TieringConfig,
    max_questions: int,
    progress: Callable[[str], None],
) -> Iterator[_Bench]:
    judged = read_judged_set(folder, max_questions)
    lines = [json.loads(line) for line in (folder / "queries.jsonl").read_text(encoding="utf-8").splitlines()]
    answers = {line["id"]: line.get("answers") or [] for line in lines}
    if not any(answers[each] for each in judged.grades):
        raise UsageError(f"{folder}: no question has `answers`")
    with TemporaryDirectory(prefix="prodgen-passages-") as temporary:
        id_of = {}
        for number, (passage_id, (title, text)) in enumerate(judged.passages.items()):
            Path(temporary, f"{number:07d}.txt").write_text(f"{title}\n\n{text}\n", encoding="utf-8")
            id_of[f"{number:07d}.txt"] = passage_id
        with scratch(settings, {"passages": Path(temporary)}) as at:
            progress(f"{judged.name}: indexing {len(judged.passages)} passages")
            sync_in_own_process(at)
            embedder = embedder_of(at.settings, purpose="query")
            service = QueryService(at.settings, at.databases.serving, embedder=embedder)
            yield _Bench(
                at=at, service=service, embedder=embedder, judged=judged, answers=answers, id_of=id_of,
                generator=generator, tiering=tiering,
            )  # fmt: skip


def _asked_of_both(bench: _Bench, question_id: str) -> Asked | None:
    """Ask both models and grade what they say, unchecked; None where one does not answer at all."""
    found = bench.search(question_id)
    if not found.hits:
        return None
    route = choose(found.question.text, found.hits, bench.tiering.routing)
    right: dict[Tier, bool] = {}
    first: Mapping[str, float] | None = None
    for tier in (Tier.FAST, Tier.STRONG):
        shown, messages, prompt = rendered(found, bench.tiering, Rung(tier=tier))
        of_tier = bench.tiering.tier(tier)
        try:
            made = bench.generator.generate(
                messages, max_output_tokens=of_tier.max_output_tokens, model=of_tier.model,
                timeout_seconds=of_tier.timeout_seconds,
            )  # fmt: skip
        except EndpointUnavailable:
            return None
        cited = read_citations(made.text, len(shown), refusal=prompt.refusal).cited
        right[tier] = bench.is_right(question_id, made.text, [bench.id_of[shown[n - 1].uri] for n in cited])
        if tier is Tier.FAST:
            checks = checks_for(
                shown, found.question.text, system=messages[0]["content"], refusal=prompt.refusal,
                config=bench.tiering.checks,
            )  # fmt: skip
            sentence = _first_sentence(made.text)
            verdict: Verdict = checks.check(sentence)
            if verdict.flaw is None and not verdict.is_bare:
                first = doubt_features(
                    0.0, support=verdict.support, relevance=checks.relevance(sentence),
                    best_relevance=checks.best_relevance(), cited=verdict.cited,
                )  # fmt: skip
    return Asked(
        question_id=question_id, fast_is_right=right[Tier.FAST], strong_is_right=right[Tier.STRONG],
        features=route.features, first=first,
    )  # fmt: skip


def _first_sentence(text: str) -> str:
    assembly = SentenceAssembly()
    return next(iter([*assembly.add(text), *assembly.finish()]), "")


def _report(names: tuple[str, ...], asked: Sequence[Asked]) -> RoutingReport:
    fit, held_out = [e for e in asked if not e.is_held_out], [e for e in asked if e.is_held_out]
    wrong = [not each.fast_is_right for each in fit]
    if not held_out or len(set(wrong)) < 2:  # noqa: PLR2004 - both kinds
        raise UsageError("too few questions to fit: the fast model must answer some rightly and some wrongly")
    need = fit_logistic([each.features for each in fit], wrong)
    holding = [each for each in fit if each.first is not None]
    doubt = fit_logistic([_first(each, need) for each in holding], [not each.fast_is_right for each in holding])
    signals = {"need": [need.probability(each.features) for each in held_out]}
    signals["doubt"] = [_doubt(each, need, doubt) for each in held_out]
    fitted = sorted(need.probability(each.features) for each in fit)
    doubts = sorted(_doubt(each, need, doubt) for each in fit)
    return RoutingReport(
        names=names,
        n_fit=len(fit),
        n_held_out=len(held_out),
        fast_quality=round(fmean(each.fast_is_right for each in held_out), 4),
        strong_quality=round(fmean(each.strong_is_right for each in held_out), 4),
        signals=tuple(_signal(name, values, held_out) for name, values in signals.items()),
        need=need,
        doubt=doubt,
        # One question in five goes to the strong tier at once, and about as many after their first sentence.
        strong_above=round(fitted[int(0.8 * len(fitted))], 3),
        escalate_above=round(doubts[int(0.7 * len(doubts))], 3),
    )


def _first(each: Asked, need: Calibration) -> dict[str, float]:
    return {**(each.first or {}), "need": need.probability(each.features)}


def _doubt(each: Asked, need: Calibration, doubt: Calibration) -> float:
    """An answer whose first sentence fails its checks is not doubted, it is given up."""
    return 1.0 if each.first is None else doubt.probability(_first(each, need))


def _signal(name: str, values: Sequence[float], asked: Sequence[Asked]) -> Signal:
    ordered = [each for _, each in sorted(zip(values, asked, strict=True), key=lambda pair: -pair[0])]
    quality = tuple(quality_at(ordered, share) for share in SHARES)
    random = [quality[0] + share * (quality[-1] - quality[0]) for share in SHARES]
    good = [share for share, value in zip(SHARES, quality, strict=True) if value >= GOOD_SHARE * quality[-1]]
    return Signal(
        name=name,
        auroc=round(auroc(values, [not each.fast_is_right for each in asked]), 4),
        quality=tuple(round(value, 4) for value in quality),
        share_for_good=min(good, default=1.0),
        gain_over_random=round(fmean(a - b for a, b in zip(quality, random, strict=True)), 4),
    )


def quality_at(ordered: Sequence[Asked], share: float) -> float:
    """Share of right answers where the first `share` of the questions go to the strong model."""
    n_strong = round(share * len(ordered))
    return fmean(each.strong_is_right if at < n_strong else each.fast_is_right for at, each in enumerate(ordered))


def auroc(values: Sequence[float], is_positive: Sequence[bool]) -> float:
    """Probability that a positive one has the higher value; ties count half, 0.5 where there is but one kind."""
    order = np.argsort(np.asarray(values), kind="stable")
    ranks = np.empty(len(values))
    ranks[order] = np.arange(1, len(values) + 1)
    sorted_values = np.asarray(values)[order]
    for value in np.unique(sorted_values):
        same = order[sorted_values == value]
        ranks[same] = ranks[same].mean()
    positive = np.asarray(is_positive, bool)
    n, m = int(positive.sum()), int((~positive).sum())
    return 0.5 if not n or not m else float((ranks[positive].sum() - n * (n + 1) / 2) / (n * m))


def fit_logistic(rows: Sequence[Mapping[str, float]], outcomes: Sequence[bool], *, penalty: float = 3.0) -> Calibration:
    """Fit by Newton's method, features scaled, weights kept small by `penalty` (the intercept is not).

    A feature that is the same in all rows says nothing and gets no weight.
    """
    names = [name for name in sorted(rows[0]) if np.std([row[name] for row in rows]) > SMALLEST_SCALE]
    raw = np.array([[row[name] for name in names] for row in rows]).reshape(len(rows), len(names))
    means, scales = raw.mean(axis=0), raw.std(axis=0)
    design = np.hstack([np.ones((len(rows), 1)), (raw - means) / scales])
    wanted = np.asarray(outcomes, float)
    ridge = penalty * np.eye(design.shape[1])
    ridge[0, 0] = 0.0
    weights: NDArray[np.float64] = np.zeros(design.shape[1])
    for _ in range(25):
        predicted = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (predicted - wanted) + ridge @ weights
        curvature = (design * (predicted * (1 - predicted))[:, None]).T @ design + ridge + 1e-9 * np.eye(len(weights))
        weights = weights - np.linalg.solve(curvature, slope)
    return Calibration(
        intercept=round(float(weights[0]), 4),
        weights={
            name: (round(float(mean), 4), round(float(scale), 4), round(float(weight), 4))
            for name, mean, scale, weight in zip(names, means, scales, weights[1:], strict=True)
        },
    )


def _laddered(bench: _Bench, question_ids: Sequence[str]) -> Ladder:
    """Answer questions as the query path does: route, look again, call, check, escalate, fall back."""
    right, routed, escalated, usd, always = [], [], [], [], []
    tiers: dict[str, int] = {}
    for question_id in question_ids:
        found = bench.search(question_id)
        route = choose(found.question.text, found.hits, bench.tiering.routing)
        if route.retrieve_more:
            found = bench.search(question_id, 2 * N_HITS)
            route = choose(found.question.text, found.hits, bench.tiering.routing, retrieved_more=True)
        answered = _whole(bench, found, route)
        cited = [bench.id_of[each.uri] for each in answered.answer.citations]
        right.append(bench.is_right(question_id, answered.answer.text, cited))
        routed.append(route.tier is Tier.STRONG)
        escalated.append(route.tier is Tier.FAST and any(call.rung.tier is Tier.STRONG for call in answered.calls))
        usd.append(answered.answer.usage.usd)
        tiers[answered.answer.tier] = tiers.get(answered.answer.tier, 0) + 1
        always.append(_whole(bench, found, Route(tier=Tier.STRONG, cap=Cap.CHEAPEST)).answer.usage.usd)
    n = len(question_ids)
    return Ladder(
        n_questions=n,
        quality=round(fmean(right), 4),
        routed_to_strong=round(fmean(routed), 4),
        escalated=round(fmean(escalated), 4),
        answered_by={name: round(count / n, 4) for name, count in sorted(tiers.items())},
        usd_per_question=round(fmean(usd), 6),
        usd_always_strong=round(fmean(always), 6),
    )


def _whole(bench: _Bench, found: SearchResult, route: Route) -> Answered:
    stream = AnswerStream(found, route, generator=bench.generator, tiering=bench.tiering, embedder=bench.embedder)
    for _ in stream:
        pass
    return stream.answered
