"""A release's manifest, read: how it embeds, retrieves, understands turns and words answers.

Belongs here: one function for each part, which gives what a manifest from before a setting existed its default. Does
not: making manifests (governance.releases), redaction, whose lists are a tenant's (`search`).
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter

from prodgen_pipeline.core.configuration import EmbeddingConfig, RetrievalConfig
from prodgen_pipeline.core.conversation import ConversationConfig
from prodgen_pipeline.core.conversation.budget import BudgetConfig
from prodgen_pipeline.core.routing import TierConfig, TieringConfig

Config = TypeVar("Config")
#: A manifest is JSON: lists become the tuples, and tables the records, that they were.
_TIERING = TypeAdapter(TieringConfig)


def retrieval_config(manifest: Mapping[str, Any]) -> RetrievalConfig:
    """How a release retrieves."""
    return _read(RetrievalConfig, manifest["retrieval"])


def embedding_config(manifest: Mapping[str, Any]) -> EmbeddingConfig:
    """Which model a release's vectors are of: questions are embedded by the same."""
    return _read(EmbeddingConfig, manifest["embedding"])


def conversation_config(manifest: Mapping[str, Any]) -> ConversationConfig:
    """How turns are understood."""
    return _read(ConversationConfig, manifest.get("conversation", {}))


def prompt_budget(manifest: Mapping[str, Any]) -> BudgetConfig:
    """How a prompt's tokens are divided."""
    return _read(BudgetConfig, manifest.get("prompt_budget", {}))


def tiering_config(manifest: Mapping[str, Any]) -> TieringConfig:
    """How a release generates. One from before there were tiers has one model for both, with its prompt and prices."""
    described = manifest.get("tiering")
    if described is not None:
        known = TieringConfig.__dataclass_fields__.keys()
        return _TIERING.validate_python({name: value for name, value in described.items() if name in known})
    one = _read(TierConfig, manifest["generation"])
    return TieringConfig(fast=one, strong=one, prompt=manifest["prompt"]["name"])


def _read(record: type[Config], described: Mapping[str, Any]) -> Config:
    known: Mapping[str, Any] = record.__dataclass_fields__  # type: ignore[attr-defined]  # all of them are dataclasses
    return record(**{name: value for name, value in described.items() if name in known})
