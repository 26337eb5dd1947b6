"""From a question to an answer: search, refuse or go on, generate or extract, record.

Belongs here: the order of the steps, and falling back to the tier below. Does not: retrieval (`search`), the rules of
refusing and extracting (`core.answering`), prompts (`core.prompting`, governance), model endpoints (`clients.generator`).
"""

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from prodgen_pipeline.core.answering import (
    ExtractionConfig,
    extract_answer,
    refusal,
    sentences,
    should_refuse,
)
from prodgen_pipeline.core.errors import ConfigurationError, EndpointUnavailable
from prodgen_pipeline.core.models import Answer, Hit, Reader, Usage
from prodgen_pipeline.core.prompting import (
    cite,
    numbered_evidence,
    parse_prompt,
    read_citations,
    render,
    without_unsupported,
)
from prodgen_pipeline.governance import audit, prompts
from prodgen_pipeline.serving.question import Secret
from prodgen_pipeline.serving.search import SearchResult, retrieval_config, search
from prodgen_pipeline.serving.timing import StepTimer
from prodgen_pipeline.storage.database import Database
from prodgen_pipeline.storage.tenants import Tenant

if TYPE_CHECKING:
    from prodgen_pipeline.clients.embedding import Embedder
    from prodgen_pipeline.clients.generator import Generated, Generator

logger = logging.getLogger(__name__)
