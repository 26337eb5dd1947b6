"""Dagster's code location, for `dagster ... -m prodgen_pipeline.definitions`; what is in it is listed in defs."""

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors."""
    from prodgen_pipeline.defs import catalogue

    return catalogue.definitions()
