"""Dagster's own tables in the database that the settings name; dagster.yaml points here.

Belongs here: where Dagster's storage is. Does not: what is in it (dagster-postgres). With this the plain `dagster`
commands start the embedded server like every command of ours, and no address with a password stands in a variable.
"""

import atexit
from collections.abc import Mapping
from contextlib import ExitStack
from functools import cache
from typing import Any

from dagster._config.config_schema import UserConfigSchema
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from prodgen_pipeline.settings import load_settings
from prodgen_pipeline.storage.connection import lease_addresses, open_databases


class SettingsStorage(DagsterPostgresStorage):
    """dagster-postgres's storage, on the settings' database, leased until the process ends."""

    @classmethod
    def config_type(cls) -> UserConfigSchema:
        """Nothing to configure."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: Mapping[str, Any]
    ) -> "SettingsStorage":
        """Dagster's way to make it; called with every instance of Dagster that a process opens."""
        return cls(postgres_url=_leased_address(), inst_data=inst_data)


@cache
def _leased_address() -> str:
    settings = load_settings()
    with ExitStack() as stack:
        addresses = stack.enter_context(lease_addresses(settings))
        with open_databases(settings):
            pass  # its schema is this release's now, Dagster's room in it included
        atexit.register(stack.pop_all().close)
        return addresses.dagster
