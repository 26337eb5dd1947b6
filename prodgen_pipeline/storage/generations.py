"""Generations: the pinned ways of making a tenant's index."""

from dataclasses import dataclass
from typing import Any

from psycopg.types.json import Jsonb

from prodgen_pipeline.storage.database import Transaction


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """A living generation: `pins` maps a stage to its fingerprint and lineage, made from `configuration`."""

    generation_id: int
    state: str
    pins: dict[str, dict[str, str]]
    configuration: dict[str, Any]

    def lineage(self, stage: str) -> str:
        """Fingerprint of a stage and all stages before it."""
        return self.pins[stage]["lineage"]


def living(tx: Transaction) -> list[Generation]:
    """Generations that live runs keep up to date, oldest first."""
    return tx.rows("generations.living", Generation)


def open_first(tx: Transaction, pins: dict[str, dict[str, str]], configuration: dict[str, Any]) -> bool:
    """Open a tenant's first generation, serving from the start; returns False where one exists."""
    return tx.value("generations.open_first", pins=Jsonb(pins), configuration=Jsonb(configuration)) is not None
