"""Which sizes a source's documents are cut by.

Belongs here: the choice of a profile. Does not: the sizes and their rules (`configuration`), cutting (`chunking`).
"""

from dataclasses import replace
from fnmatch import fnmatchcase

from prodgen_pipeline.core.configuration import CHUNK_SIZES, ChunkingConfig


def profile_for(config: ChunkingConfig, tenant_name: str, source_name: str) -> ChunkingConfig:
    """Return the sizes for a source: those of the profile that `config.sources` assigns to it, else the default ones.

    Of several patterns that match, one that names the tenant counts before one that does not, then the longest.
    """
    matching = [pattern for pattern in config.sources if _matches(pattern, tenant_name, source_name)]
    if not matching:
        return replace(config, profiles={}, sources={})
    # The order in which they were written is lost where a generation keeps its configuration.
    closest = max(matching, key=lambda pattern: ("/" in pattern, "*" not in pattern, len(pattern), pattern))
    return _resolved(config, config.sources[closest])


def largest_max_tokens(config: ChunkingConfig) -> int:
    """Return the limit that holds for every chunk, whichever profile its source has."""
    return max(config.max_tokens, *(_resolved(config, name).max_tokens for name in config.profiles), 0)


def _matches(pattern: str, tenant_name: str, source_name: str) -> bool:
    return fnmatchcase(f"{tenant_name}/{source_name}" if "/" in pattern else source_name, pattern)


def _resolved(config: ChunkingConfig, name: str) -> ChunkingConfig:
    given = {key: size for key in CHUNK_SIZES if (size := getattr(config.profiles[name], key)) is not None}
    return replace(config, **given, profiles={}, sources={})
