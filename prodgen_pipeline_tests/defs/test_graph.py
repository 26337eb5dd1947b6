"""The graph as Dagster shows it: it cannot change without a reviewed change of this file."""

import inspect
import subprocess
import sys

import dagster as dg
import pytest

from prodgen_pipeline.defs import catalogue

#: key: (depends on, group, kinds, checks; * stops the line)
GRAPH = {
    "raw_documents": (
        [], "corpus", {"python", "postgres", "file"},
        ["*every_living_document_has_its_newest_version", "every_source_was_listed_completely"],
    ),
    "parsed_documents": (["raw_documents"], "corpus", {"python", "postgres"}, ["*every_document_is_accounted_for"]),
    "cleaned_documents": (["parsed_documents"], "corpus", {"python", "postgres"}, ["*every_document_is_accounted_for"]),
    "deduped_documents": (
        ["cleaned_documents"], "corpus", {"python", "postgres"},
        ["*every_copy_has_a_living_canonical_document", "*every_document_is_accounted_for"],
    ),
    "redacted_documents": (
        ["deduped_documents"], "corpus", {"python", "postgres"},
        ["*every_document_is_accounted_for", "*redacted_documents_contain_no_known_entities"],
    ),
    "document_chunks": (
        ["redacted_documents"], "corpus", {"python", "postgres"},
        [
            "*chunk_texts_stand_in_the_redacted_documents", "*every_document_is_accounted_for",
            "*no_chunk_is_longer_than_the_limit", "chunks_meet_expectations",
        ],
    ),
    "chunk_embeddings": (
        ["document_chunks"], "corpus", {"openvino", "postgres"},
        [
            "*document_chunks_have_vectors", "*every_document_is_accounted_for",
            "*index_entries_have_their_documents_chunks_and_rights", "*term_lists_and_counts_match_the_index_entries",
            "*the_index_holds_what_is_served_and_nothing_else",
            "*vectors_have_unit_length_and_the_generations_dimensions",
            "searches_find_what_comparing_everything_finds", "tenants_and_readers_stay_apart",
            "the_index_was_made_from_the_working_configuration",
            "vectors_meet_expectations", "whole_indexes_are_right",
        ],
    ),
    "evaluation_report": (["chunk_embeddings"], "release", {"python", "postgres"}, []),
    "served_release": (
        ["evaluation_report"], "release", {"python", "postgres"}, ["the_release_names_the_serving_generation"],
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def repository() -> dg.RepositoryDefinition:
    return catalogue.definitions().get_repository_def()


def test_the_graph_is_the_one_that_was_reviewed(repository: dg.RepositoryDefinition) -> None:
    graph = repository.asset_graph
    shown = {}
    for node in graph.asset_nodes:
        checks = [graph.get(key) for key in node.check_keys]
        shown[node.key.to_user_string()] = (
            [key.to_user_string() for key in node.parent_keys],
            node.group_name,
            set(node.kinds),
            sorted(("*" if check.blocking else "") + check.key.name for check in checks),
        )
    assert shown == GRAPH


def test_every_asset_says_what_it_is_whose_it_is_and_by_which_code(repository: dg.RepositoryDefinition) -> None:
    for node in repository.asset_graph.asset_nodes:
        assert len((node.description or "").splitlines()) > 1, node.key
        assert node.owners, node.key
        assert isinstance(node.partitions_def, dg.DynamicPartitionsDefinition), node.key
    versions = {node.key.to_user_string(): node.code_version for node in repository.asset_graph.asset_nodes}
    assert len(versions["document_chunks"] or "") == 16


def test_the_job_of_the_sensor_runs_every_asset_and_no_slow_check(repository: dg.RepositoryDefinition) -> None:
    selected = repository.get_job("sync_job").asset_layer
    assert {key.to_user_string() for key in selected.executable_asset_keys} == set(GRAPH)
    checks = {key.name for key in selected.asset_graph.asset_check_keys}
    assert not checks & {
        "chunks_meet_expectations", "vectors_meet_expectations", "whole_indexes_are_right",
        "searches_find_what_comparing_everything_finds",
    }  # fmt: skip
    assert repository.get_job("sync_job").executor_def is dg.in_process_executor


def test_sensors_and_the_schedule_run_from_the_start(repository: dg.RepositoryDefinition) -> None:
    assert {sensor.name: sensor.default_status for sensor in repository.sensor_defs} == {
        "document_store_sensor": dg.DefaultSensorStatus.RUNNING,
        "failed_run_sensor": dg.DefaultSensorStatus.RUNNING,
    }
    assert {schedule.name for schedule in repository.schedule_defs} == {
        "nightly_expectations", "recall_audits", "daily_reclaim", "daily_retention", "nightly_attacks",
    }  # fmt: skip


def test_loading_the_definitions_loads_no_heavy_library() -> None:
    program = (
        "import sys; from prodgen_pipeline.definitions import defs; defs.load_fn().get_repository_def(); "
        "print(*({'openvino', 'unstructured', 'spacy', 'pandas', 'great_expectations', 'openai', 'fastapi', "
        "'presidio_analyzer', 'PIL'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


def test_runs_are_forks_of_a_warm_process_and_dagster_still_asks_for_a_new_one() -> None:
    from dagster._grpc import server

    # What code_server replaces, and Dagster may change with any release.
    assert 'multiprocessing.get_context("spawn")' in inspect.getsource(server.DagsterApiServer)
    program = (
        "from dagster._grpc import server; from prodgen_pipeline.defs import code_server; "
        "code_server.WARM = 'json'; code_server.fork_run_workers(); "
        "print(server.multiprocessing.get_context('spawn').get_start_method())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "forkserver"
