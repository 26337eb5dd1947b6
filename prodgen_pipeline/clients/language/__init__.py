"""English as the machine reads it: words with their tags, sentences, and the names of persons, places, organisations.

Belongs here: which spaCy pipeline is used and what it finds. Does not: how a name is told from a word that only looks
like one in this project's own rules, and what is done about it; that is `core.redaction`.

An installed `en_core_web_lg`, `_md` or `_sm` is used where there is one, else the pipeline in `model/`, which was
trained on open data (`training/language`). Nothing is ever downloaded. spaCy takes most of a second to import, so
everything here imports it when it is first needed.
"""

from prodgen_pipeline.clients.language.names import find_names
from prodgen_pipeline.clients.language.pipeline import VERSION
from prodgen_pipeline.clients.language.selection import language_pipeline, pipeline_version

__all__ = ["VERSION", "find_names", "language_pipeline", "pipeline_version"]
