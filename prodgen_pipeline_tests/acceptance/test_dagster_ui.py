"""The Dagster UI in a real browser: the whole graph with descriptions, kinds, checks, metadata and lineage.

Needs Chromium (Debian's `chromium` package); screenshots go to PRODGEN_TEST_ARTEFACTS, or the test's own folder.
"""

import importlib.util
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Page, expect, sync_playwright

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip
ASSETS = [
    "raw_documents", "parsed_documents", "cleaned_documents", "deduped_documents", "redacted_documents",
    "document_chunks", "chunk_embeddings", "evaluation_report", "served_release",
]  # fmt: skip
#: The first page load fetches and compiles megabytes of script.
PATIENCE_MS = 120_000

pytestmark = pytest.mark.slow


def _launcher() -> ModuleType:
    """The neighbour that knows how to start `prodgen up`; test files are no package."""
    spec = importlib.util.spec_from_file_location("launching_up", Path(__file__).with_name("test_up.py"))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The UI of a `prodgen up` whose first run has served a folder."""
    launching = _launcher()
    home = tmp_path_factory.mktemp("ui") / "home"
    home.mkdir(mode=0o700)
    folder = home.parent / "files"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.md").write_text(
            f"# Part {number}\n\n" + f"Step {number} is done by ann@example.org. " * 40
        )
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7\nbroken")
    launching.prodgen(home, "tenant", "add", "acme")
    launching.prodgen(home, "source", "add", "acme", "files", str(folder))
    up = launching.start(home)
    try:
        up.key = launching.json.loads(launching.prodgen(home, "key", "create", "acme", "--user", "ann", "--json"))[
            "key"
        ]
        launching.wait_for(lambda: len(launching._search(up, "which step is done")) >= 10)
        yield up.urls["dagster"]
    finally:
        up.process.send_signal(signal.SIGINT)
        up.process.wait(60)


@pytest.fixture
def page() -> Iterator[Page]:
    if not Path(CHROMIUM).exists():
        pytest.fail(f"{CHROMIUM} is missing: install Debian's chromium package")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1800, "height": 1300})
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield page
        browser.close()


@pytest.fixture
def artefacts(tmp_path: Path) -> Path:
    folder = Path(os.environ.get("PRODGEN_TEST_ARTEFACTS", tmp_path))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def seen(page: Page, text: str) -> None:
    """Wait until the text is visible somewhere; the UI measures names in hidden copies of them."""
    expect(page.get_by_text(text).locator("visible=true").first).to_be_visible()


def test_the_graph_shows_every_asset_with_its_kinds_and_checks(url: str, page: Page, artefacts: Path) -> None:
    # Wide enough for the graph to be drawn with whole nodes.
    page.set_viewport_size({"width": 3800, "height": 900})
    page.goto(f"{url}/asset-groups/?expanded=global%40global%3Acorpus%2Cglobal%40global%3Arelease")
    for asset in ASSETS:
        seen(page, asset)
    seen(page, "Checks")
    page.screenshot(path=artefacts / "graph.png")


def test_an_asset_shows_its_description_partition_metadata_tables_and_checks(
    url: str, page: Page, artefacts: Path
) -> None:
    page.goto(f"{url}/assets/document_chunks?view=overview")
    for shown in ("A row is a piece of one document version", "platform", "Postgres", "Python", "quarantined", "acme"):
        seen(page, shown)
    page.screenshot(path=artefacts / "asset_overview.png", full_page=True)
    page.goto(f"{url}/assets/document_chunks?view=partitions&partition=acme")
    for shown in ("Materialized", "sync_job", "quarantined"):
        seen(page, shown)
    page.screenshot(path=artefacts / "asset_partition.png", full_page=True)
    page.get_by_text("[Show Markdown]").click()
    expect(page.locator("img[src^='data:image/png']")).to_be_visible()
    page.screenshot(path=artefacts / "asset_plot.png", full_page=True)
    page.goto(f"{url}/assets/chunk_embeddings?view=checks")
    for shown in ("document_chunks_have_vectors", "every_document_is_accounted_for", "Passed", "blocking"):
        seen(page, shown)
    page.screenshot(path=artefacts / "asset_checks.png", full_page=True)
    page.goto(f"{url}/assets/document_chunks?view=lineage")
    for shown in ("redacted_documents", "document_chunks", "chunk_embeddings"):
        seen(page, shown)
    page.screenshot(path=artefacts / "asset_lineage.png", full_page=True)


def test_runs_and_sensors_are_there_and_no_document_text_is(url: str, page: Page, artefacts: Path) -> None:
    page.goto(f"{url}/runs")
    for shown in ("sync_job", "document_store_sensor", "Success"):
        seen(page, shown)
    page.screenshot(path=artefacts / "runs.png")
    page.goto(f"{url}/automation")
    for shown in ("document_store_sensor", "failed_run_sensor", "nightly_expectations"):
        seen(page, shown)
    page.screenshot(path=artefacts / "automation.png")
    page.goto(f"{url}/assets/parsed_documents?view=overview")
    for shown in ("text/markdown", "corrupt"):
        seen(page, shown)
    page.screenshot(path=artefacts / "parsed_overview.png", full_page=True)
    assert page.get_by_text("is done by").count() == 0
