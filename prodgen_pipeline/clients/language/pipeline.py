"""The small English spaCy pipeline of our own: how it is built, packed and unpacked.

Belongs here: the shape of the network, and the form in which its weights travel. Does not: which pipeline is used
(`__init__`), what is done with its findings (`names`), how it is trained (`training/language`).

One network of hash embeddings reads each word once for the tagger, the sentence boundaries and the recogniser. No word
vectors: a word is its lower-case form, its ending, its shape, and what the lexicon knows of it.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prodgen_pipeline.clients.language.lexicon import Lexicon

if TYPE_CHECKING:
    from spacy.language import Language

NAME = "prodgen"
#: Changes with every change of the weights, the lexicon or the rules over them: it is part of redaction's fingerprint.
VERSION = "1"

#: Numbers per word, and rows of each hash table. 5 MB at two bytes a number.
WIDTH = 96
ROWS = {"NORM": 12_000, "PREFIX": 2_000, "SUFFIX": 4_000, "SHAPE": 2_500}
WINDOW_LAYERS = 4

COMPONENTS = ("tok2vec", "tagger", "senter", "ner")

_URL = re.compile(r"(?:https?|ftp)://\S+|www\.\S+", re.IGNORECASE)


def blank_pipeline(lexicon: Lexicon) -> "Language":
    """The pipeline without weights: for training, and for `unpacked`, which fills it."""
    import spacy
    from spacy.attrs import PREFIX

    nlp = spacy.blank("en", meta={"name": NAME, "version": VERSION})
    # spaCy's own expression for web addresses costs more than the network on text with many dots.
    tokenizer: Any = nlp.tokenizer
    tokenizer.url_match = _URL.fullmatch
    # The first letter says little by itself; beside it goes what the lexicon knows of the word. The network takes only
    # spaCy's own attributes, and nothing else reads this one.
    vocab: Any = nlp.vocab
    vocab.lex_attr_getters[PREFIX] = _prefix(lexicon)
    nlp.add_pipe("tok2vec", config={"model": _words()})
    for component in COMPONENTS[1:]:
        nlp.add_pipe(component, config={"model": _head(component)})
    return nlp


def _prefix(lexicon: Lexicon) -> Callable[[str], str]:
    return lambda word: f"{lexicon.classes(word)}|{word[:1]}"


def _words() -> dict[str, Any]:
    return {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": "spacy.MultiHashEmbed.v2",
            "width": WIDTH,
            "attrs": list(ROWS),
            "rows": list(ROWS.values()),
            "include_static_vectors": False,
        },
        "encode": {
            "@architectures": "spacy.MaxoutWindowEncoder.v2",
            "width": WIDTH,
            "depth": WINDOW_LAYERS,
            "window_size": 1,
            "maxout_pieces": 3,
        },
    }


def _head(component: str) -> dict[str, Any]:
    listener = {"@architectures": "spacy.Tok2VecListener.v1", "width": WIDTH, "upstream": "*"}
    if component != "ner":
        return {"@architectures": "spacy.Tagger.v2", "tok2vec": listener}
    return {
        "@architectures": "spacy.TransitionBasedParser.v2",
        "state_type": "ner",
        "extra_state_tokens": False,
        "hidden_width": 64,
        "maxout_pieces": 2,
        "use_upper": True,
        "tok2vec": listener,
    }


def pack(nlp: "Language", path: Path) -> None:
    """Write all weights and labels to one file, numbers in two bytes."""
    import srsly  # type: ignore[import-untyped]  # carries no types

    parts = {}
    for name in COMPONENTS:
        component: Any = nlp.get_pipe(name)
        parts[name] = part = srsly.msgpack_loads(component.to_bytes(exclude=["vocab"]))
        part["model"] = _converted(srsly.msgpack_loads(part["model"]), np.float32, np.float16)
    path.write_bytes(srsly.msgpack_dumps(parts))


def unpacked(path: Path, lexicon: Lexicon) -> "Language":
    """The pipeline with the weights that `pack` wrote."""
    import srsly

    nlp = blank_pipeline(lexicon)
    parts = srsly.msgpack_loads(path.read_bytes())
    for name, part in parts.items():
        part["model"] = srsly.msgpack_dumps(_converted(part["model"], np.float16, np.float32))
        component: Any = nlp.get_pipe(name)
        component.from_bytes(srsly.msgpack_dumps(part), exclude=["vocab"])
        for label in getattr(component, "labels", ()):
            # A token keeps the hash of its tag; the words of the tags are not in the weights.
            nlp.vocab.strings.add(label)
    return nlp


def _converted(value: Any, old: type[np.floating[Any]], new: type[np.floating[Any]]) -> Any:  # noqa: ANN401  # msgpack's tree
    """The same tree of mappings and lists, with arrays of one width in the other."""
    if isinstance(value, Mapping):
        return {key: _converted(each, old, new) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_converted(each, old, new) for each in value]
    if isinstance(value, np.ndarray) and value.dtype == old:
        return value.astype(new)
    return value
