"""Which pipeline reads, loaded once in a process.

Belongs here: choosing and keeping a pipeline. Does not: its shape (`pipeline`), its findings (`names`).
"""

import importlib.metadata
import importlib.util
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from prodgen_pipeline.clients.language.lexicon import Lexicon, read_lexicon
from prodgen_pipeline.clients.language.pipeline import NAME, VERSION, unpacked

if TYPE_CHECKING:
    from spacy.language import Language

MODEL = Path(__file__).parent / "model"

#: Best first. The smallest of them knows more than ours: a hundred times the text was tagged for it.
INSTALLABLE = ("en_core_web_lg", "en_core_web_md", "en_core_web_sm")

#: A pipeline keeps every new word that it reads. Above this many it is dropped, and the next text loads a new one.
MAX_WORDS = 400_000

_loading = threading.Lock()
_loaded: dict[str, "Language"] = {}


def language_pipeline(*, own: bool = False) -> "Language":
    """The pipeline, the same object for each caller until it has read too many words; `own` asks for ours.

    Its `ner` finds PERSON, and LOCATION and ORGANIZATION or, where an installed one is used, GPE, LOC, FAC and ORG.
    """
    name = _installed() if not own else None
    with _loading:
        nlp = _loaded.get(name or NAME)
        if nlp is None or len(nlp.vocab.strings) > MAX_WORDS:
            nlp = _loaded[name or NAME] = _load(name)
        return nlp


def pipeline_version(*, own: bool = False) -> str:
    """Name and version of the pipeline that reads, for fingerprints: `en_prodgen-1`. Loads nothing.

    The version of ours counts also beside an installed pipeline, because our lexicon and rules judge its findings.
    """
    name = _installed() if not own else None
    ours = f"en_{NAME}-{VERSION}"
    return ours if name is None else f"{name}-{importlib.metadata.version(name)}+{ours}"


@lru_cache(maxsize=1)
def lexicon() -> Lexicon:
    """The words that our pipeline was trained with."""
    return read_lexicon(MODEL / "lexicon.txt")


@lru_cache(maxsize=1)
def _installed() -> str | None:
    return next((name for name in INSTALLABLE if importlib.util.find_spec(name)), None)


def _load(name: str | None) -> "Language":
    import spacy

    if name is not None:
        return spacy.load(name)
    return unpacked(MODEL / "weights.msgpack", lexicon())
