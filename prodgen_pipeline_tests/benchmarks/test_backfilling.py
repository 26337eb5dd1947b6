"""`bench backfill` on a few documents: that it runs, adds up, and sees what it is there to see."""

import sys
from pathlib import Path

import pytest

from prodgen_pipeline.core.errors import NotFound
from prodgen_pipeline.evaluation.benchmarks.backfilling import measure_backfilling
from prodgen_pipeline.settings import Settings


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_backfill_under_load_fails_and_mixes_no_search_and_an_edit_is_found(
    settings: Settings, tmp_path: Path
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(4):
        weeks = "\n\n".join(f"The machine of hall {number} is oiled by its crew in week {week}." for week in range(12))
        (folder / f"hall-{number}.md").write_text(f"# Hall {number}\n\n{weeks}\n")
    report = measure_backfilling(
        settings, {"files": folder}, n_documents=12, max_tokens=48, per_second=20.0, n_clients=2, seconds=1.0
    )
    assert (report.n_failed, report.n_mixed) == (0, 0)
    assert report.n_documents == 12
    assert report.n_chunks_after > report.n_chunks_before
    assert report.edit_seconds is not None
    assert report.chunks_embedded > 0
    assert report.checks["documents"] is report.checks["contents"] is True
    assert all(phase.n_searches > 0 and phase.latency_ms.p95 > 0 for phase in report.phases)
    assert report.p95_ratio > 0


def test_a_folder_without_text_files_is_refused(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="text files"):
        measure_backfilling(settings, {"files": tmp_path}, n_documents=10)
