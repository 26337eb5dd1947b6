"""The one partition: a tenant. Documents are rows of the ledger, never partitions: Dagster does not carry millions."""

import dagster as dg

TENANTS = dg.DynamicPartitionsDefinition(name="tenant")
