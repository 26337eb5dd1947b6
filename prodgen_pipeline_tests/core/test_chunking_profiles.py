"""Chunk sizes by source."""

from dataclasses import replace
from pathlib import Path

import pytest

from prodgen_pipeline.core.chunking.profiles import largest_max_tokens, profile_for
from prodgen_pipeline.core.configuration import ChunkingConfig, ChunkingProfile
from prodgen_pipeline.core.errors import ConfigurationError
from prodgen_pipeline.lifecycle.pins import as_json, from_json
from prodgen_pipeline.settings import Settings, load_settings

CONFIG = ChunkingConfig(
    parent_tokens=900,
    profiles={
        "code": ChunkingProfile(max_tokens=400),
        "mail": ChunkingProfile(max_tokens=120, parent_tokens=600),
        "notes": ChunkingProfile(max_tokens=200, min_tokens=0),
    },
    sources={
        "repo-*": "code",
        "repo-x": "notes",
        "acme/*": "mail",
        "acme/repo-y": "notes",
        "wiki*": "code",
        "wiki": "mail",
    },
)


def settings_of(tmp_path: Path, text: str) -> Settings:
    (tmp_path / "prodgen.toml").write_text(text)
    return load_settings({}, working_folder=tmp_path)


@pytest.mark.parametrize(
    ("tenant", "source", "max_tokens"),
    [
        ("other", "files", 250),
        ("other", "repo-1", 400),
        ("other", "repo-x", 200),
        ("acme", "repo-x", 120),
        ("acme", "repo-y", 200),
        ("other", "wiki", 120),
        ("other", "wiki2", 400),
        ("other", "Wiki", 250),
    ],
)
def test_the_closest_pattern_decides(tenant: str, source: str, max_tokens: int):
    assert profile_for(CONFIG, tenant, source).max_tokens == max_tokens


def test_what_a_profile_does_not_say_is_as_for_all_sources():
    assert profile_for(CONFIG, "x", "wiki") == ChunkingConfig(max_tokens=120, parent_tokens=600)
    assert profile_for(CONFIG, "x", "repo-1") == ChunkingConfig(max_tokens=400, parent_tokens=900)
    assert profile_for(CONFIG, "x", "files") == ChunkingConfig(parent_tokens=900)


def test_the_largest_limit_counts_for_checks_of_all_chunks():
    assert largest_max_tokens(CONFIG) == 400
    assert largest_max_tokens(ChunkingConfig(max_tokens=300)) == 300


def test_profiles_come_from_the_configuration_file_and_survive_being_kept_in_a_generation(tmp_path: Path):
    text = '[chunking.profiles.code]\nmax_tokens = 400\n\n[chunking.sources]\n"acme/repo-*" = "code"\n'
    configuration = settings_of(tmp_path, text).pipeline
    assert configuration.chunking.profiles == {"code": ChunkingProfile(max_tokens=400)}
    assert from_json(as_json(configuration)) == configuration


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[chunking]\nmax_tokens = 8\n", r"chunking: max_tokens \(8\) must be at least 16 and twice min_tokens \(48\)"),
        ("[chunking]\nparent_tokens = -1\n", r"chunking: parent_tokens \(-1\) must not be negative"),
        ("[chunking]\nheading_tokens = 200\n", r"chunking: heading_tokens \(200\) may take half"),
        ("[chunking.profiles.code]\noverlap_tokens = 90\n", r"chunking\.profiles\.code: .*overlap_tokens \(90\)"),
        ('[chunking.sources]\nwiki = "cod"\n', r"chunking\.sources: wiki names the unknown profile cod \(none is"),
        ("[chunking.profiles.code]\nmax_tokens = 'many'\n", r"setting chunking\.profiles\.code\.max_tokens: "),
    ],
)
def test_what_could_never_be_cut_is_refused_in_one_line_when_settings_are_loaded(
    tmp_path: Path, text: str, message: str
):
    with pytest.raises(ConfigurationError, match=message) as raised:
        settings_of(tmp_path, text)
    assert "\n" not in str(raised.value)


def test_an_unknown_profile_is_named_with_those_there_are():
    with pytest.raises(ConfigurationError, match=r"unknown profile nope \(code, mail, notes\)"):
        replace(CONFIG, sources={"wiki": "nope"})
