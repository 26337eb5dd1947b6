"""Cutting a redacted document into chunks: structure first, then size in the embedding model's word pieces.

Belongs here: what a chunk holds, and what the embedder sees of it. Does not: where to cut (`cutting`), the document's
places and their cost (`measured`), titles and heading paths (`sections`), what surrounds a chunk (`parents`),
embedding and storing.

The document's text is its elements joined by `SEPARATOR`. It is tokenised once; cuts fall between words, so the count
of a stretch is a difference of two positions. A chunk never goes past a title, except that a section below
`min_tokens` is joined with what follows it under the same parent.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import starmap

from prodgen_pipeline.core.chunking.cutting import Cut, cut_group, parting_nothing
from prodgen_pipeline.core.chunking.measured import SEPARATOR, Document, document_text
from prodgen_pipeline.core.chunking.parents import parents
from prodgen_pipeline.core.configuration import ChunkingConfig
from prodgen_pipeline.core.models import Chunk, Element
from prodgen_pipeline.core.word_pieces import Tokenizer, spoken

__all__ = ["SEPARATOR", "VERSION", "Tokenizer", "chunk", "document_text"]

VERSION = "2"


def chunk(
    elements: Sequence[Element], sizes: ChunkingConfig, tokenizer: Tokenizer, *, title: str | None = None
) -> list[Chunk]:
    """Cut one document version into chunks in reading order; the sizes are limits, never exceeded.

    Every character that is not white space is in at least one chunk, and no chunk is empty. `title` is the document's
    own, redacted; it leads the heading path where no title among the elements says the same.
    """
    document = Document(elements, title, sizes, tokenizer)
    cuts = (cut for group in document.groups() for cut in cut_group(document, group))
    pieces = [piece for cut in cuts for piece in _fitting(document, cut)]
    costs = [document.pieces.cost(piece.cut.start, piece.cut.end) for piece in pieces]
    around = parents([piece.path for piece in pieces], costs, sizes.parent_tokens)
    return list(starmap(_chunk, ((document, n, *each) for n, each in enumerate(zip(pieces, around, strict=True)))))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Piece:
    """A trimmed cut with what the embedder sees of it."""

    cut: Cut
    #: The titles above it.
    path: tuple[int, ...]
    embedding_text: str
    n_tokens: int


def _fitting(document: Document, cut: Cut) -> Iterator[_Piece]:
    """Trim a cut, drop it where nothing is left, and halve it where counting again finds too many pieces."""
    text = document.text[cut.start : cut.end]
    start, end = cut.start + len(text) - len(text.lstrip("\n")), cut.start + len(text.rstrip())
    if start >= end or not text.strip():
        return
    piece = _piece(document, replace(cut, start=start, end=end))
    if piece.n_tokens <= document.sizes.max_tokens or end - start <= 1:
        yield piece
        return
    middle = parting_nothing(document.text, start, (start + end) // 2)
    yield from _fitting(document, replace(cut, start=start, end=middle, exact=False))
    yield from _fitting(document, replace(cut, start=middle, end=end, exact=False))


def _piece(document: Document, cut: Cut) -> _Piece:
    first, last = document.elements_of(cut.start, cut.end)
    path = document.path(first, last)
    prefix = document.headings.prefix(path)
    body_start = _after_titles(document, cut, (first, last), prefix.shown)
    body = spoken(_repeated(document, cut) + document.text[body_start : cut.end])
    embedding_text = "\n".join(part for part in (prefix.text, body) if part)
    if cut.exact:
        stretches = ((body_start, cut.end), *cut.repeated)
        n_tokens = prefix.n_tokens + sum(starmap(document.pieces.count, stretches))
    else:
        n_tokens = len(document.tokenizer.offsets(embedding_text))
    return _Piece(cut=cut, path=path, embedding_text=embedding_text, n_tokens=n_tokens)


def _after_titles(document: Document, cut: Cut, elements: tuple[int, int], shown: frozenset[int]) -> int:
    """Return where the text begins that the heading path does not already say."""
    start = cut.start
    for index in range(*elements):
        if index not in shown or document.starts[index] < cut.start:
            break
        start = document.starts[index + 1] if index + 1 < elements[1] else cut.end
    return start


def _repeated(document: Document, cut: Cut) -> str:
    return "".join(document.text[start:end] + "\n" for start, end in cut.repeated)


def _chunk(document: Document, ordinal: int, piece: _Piece, parent: tuple[int, int]) -> Chunk:
    cut = piece.cut
    first, last = document.elements_of(cut.start, cut.end)
    return Chunk(
        ordinal=ordinal,
        text=_repeated(document, cut) + document.text[cut.start : cut.end],
        start=cut.start,
        end=cut.end,
        heading_path=document.headings.titles(piece.path),
        pages=tuple(sorted({page for each in document.elements[first:last] if (page := each.page) is not None})),
        n_tokens=piece.n_tokens,
        embedding_text=piece.embedding_text,
        parent_first=parent[0],
        parent_last=parent[1],
    )
