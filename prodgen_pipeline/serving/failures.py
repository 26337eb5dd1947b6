"""Failures in the log: what and where, never with which values.

A driver's message can quote a parameter, which may be a person's question; so messages are logged for our own errors
alone, which promise to hold no text.
"""

import logging
import traceback

logger = logging.getLogger("prodgen_pipeline.serving")


def log_failure(error: Exception, request_id: str, *, with_message: bool = False) -> None:
    """Log an error's type and its place in the code; its message only when it is one of ours."""
    message = f": {error}" if with_message else ""
    frames = "" if with_message else "".join(traceback.format_tb(error.__traceback__))
    logger.error("request %s failed with %s%s\n%s", request_id, type(error).__name__, message, frames)
