"""Dagster's code location: everything in defs, listed, and the one resource. `dagster ... -m
prodgen_pipeline.definitions`.
"""

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """All assets, checks, jobs, schedules and sensors."""
    from prodgen_pipeline.defs import catalogue

    return catalogue.definitions()
