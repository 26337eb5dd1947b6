"""What a run worker needs in memory before it is forked. Imported by the helper process of code_server, for its effect.

Belongs here: imports, and tables that are built on first use. Does not: anything that starts a thread, opens a
connection or reads a tenant's row: a fork would not have it, or have it twice.
"""

import gc
from types import ModuleType

import dagster._grpc.impl
import dagster_postgres

import prodgen_pipeline.clients.embedding.openvino_engine
import prodgen_pipeline.clients.parsers
import prodgen_pipeline.evaluation.run
import prodgen_pipeline.serving.ask
from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.configuration import RedactionConfig
from prodgen_pipeline.core.models import Element, ElementType
from prodgen_pipeline.core.redaction import detect_elements
from prodgen_pipeline.defs import catalogue
from prodgen_pipeline.storage import statements

#: Named, so that no tool takes the imports for unused.
IMPORTED: list[ModuleType] = [
    dagster._grpc.impl,
    dagster_postgres,
    prodgen_pipeline.clients.embedding.openvino_engine,
    prodgen_pipeline.clients.parsers,
    prodgen_pipeline.evaluation.run,
    prodgen_pipeline.serving.ask,
]

catalogue.definitions()
# Presidio and its recognisers come with the first text that is looked at.
detect_elements([Element(type=ElementType.PARAGRAPH, text="Write to nobody@example.org.")], RedactionConfig())
WordPieceTokenizer.load()
# Code and statements of one release: an upgrade in place reaches runs when the server is started again, all at once.
for room in statements.rooms():
    statements.names(room)
# Forks share these pages for longer when the collector does not touch them.
gc.freeze()
