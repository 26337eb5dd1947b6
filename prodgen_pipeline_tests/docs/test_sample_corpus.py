"""The sample corpus, its golden sets and the demo's questions say what they promise, and its build is reproducible.

Belongs here: claims about the files in `sample/`. Does not: what the pipeline makes of them (acceptance tests).
"""

import json
import re
import subprocess
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import phonenumbers
import pypdfium2
import pytest

SAMPLE = Path(__file__).resolve().parents[2] / "sample"
TENANTS = ("northwind-clinic", "acme-robotics")
FORMATS = {".md", ".html", ".txt", ".rst", ".org", ".json", ".csv", ".docx", ".pptx", ".xlsx", ".eml", ".pdf"}
RENDERED = {".docx", ".pptx", ".xlsx", ".pdf"}
TABLES = {".csv", ".xlsx"}
SCAN = "scans/referral-letter.pdf"
EMPTY = "archive/unfinished-note.txt"
DEMO = json.loads((SAMPLE / "demo.json").read_text(encoding="utf-8"))
PLANTED: dict[str, dict[str, list[str]]] = json.loads((SAMPLE / "planted.json").read_text(encoding="utf-8"))
EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
RESERVED_DOMAIN = re.compile(r".+@(?:[\w-]+\.)*(?:example\.(?:com|org|net)|test|example)")
RESERVED_NUMBER = re.compile(
    r"\+1 303 555 01\d\d|01632 960\d{3}|07700 900\d{3}|020 7946 0\d{3}|030 23125 \d{3}"  # US, GB (3), DE
)


def documents(tenant: str) -> list[str]:
    return sorted(
        path.relative_to(SAMPLE / tenant).as_posix() for path in (SAMPLE / tenant).rglob("*") if path.is_file()
    )


def decoded(path: Path) -> str:
    data = path.read_bytes()
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def words(text: str) -> str:
    return " ".join(text.split())


def text_of(tenant: str, uri: str) -> str:
    """A document's text as its source has it, or as its format holds it, with single spaces."""
    path = SAMPLE / tenant / uri
    if path.suffix == ".pdf":
        return pdf_text(path)
    if path.suffix in RENDERED:
        return words(
            " ".join(re.sub(r"<[^>]+>", " ", xml.decode()) for name, xml in members(path) if name.endswith(".xml"))
        )
    return words(decoded(path))


def pdf_text(path: Path) -> str:
    document = pypdfium2.PdfDocument(path)
    try:
        return words(" ".join(page.get_textpage().get_text_range() for page in document))
    finally:
        document.close()


def members(path: Path) -> list[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as file:
        return [(info.filename, file.read(info)) for info in file.infolist()]


def golden(tenant: str) -> list[dict[str, Any]]:
    return [
        json.loads(line) for line in (SAMPLE / "golden" / f"{tenant}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def built(output: Path) -> Path:
    subprocess.run([sys.executable, str(SAMPLE / "build.py"), str(output)], check=True, capture_output=True)
    return output


def all_sources(tenant: str) -> str:
    """Every text of a tenant as it was written, mail ids left out: they look like addresses and are none."""
    texts = [decoded(SAMPLE / tenant / uri) for uri in documents(tenant) if Path(uri).suffix not in RENDERED]
    texts += [decoded(path) for path in sorted((SAMPLE / "source" / tenant).rglob("*.md"))]
    return words(re.sub(r"Message-ID: \S+", "", "\n".join(texts)))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("sample"))


def test_there_are_forty_documents_of_two_tenants_in_twelve_formats() -> None:
    assert sum(len(documents(tenant)) for tenant in TENANTS) >= 40
    for tenant in TENANTS:
        suffixes = {Path(uri).suffix for uri in documents(tenant)}
        assert suffixes == FORMATS, f"{tenant} lacks {FORMATS - suffixes} or has unknown {suffixes - FORMATS}"


def test_the_readme_counts_the_documents_right() -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    for tenant in TENANTS:
        assert re.search(rf"`{tenant}/`.*\({len(documents(tenant))} documents\)", readme), tenant


def test_every_trap_that_the_readme_names_exists() -> None:
    readme = (SAMPLE / "README.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:northwind-clinic|acme-robotics)/[^`]+\.\w+)`", readme)
    assert len(named) >= 10
    for path in named:
        assert (SAMPLE / path).is_file(), path


@pytest.mark.parametrize("tenant", TENANTS)
def test_documents_hold_prose_of_useful_length_or_real_tables(tenant: str) -> None:
    for uri in set(documents(tenant)) - {SCAN, EMPTY}:
        suffix = Path(uri).suffix
        if suffix == ".csv":
            assert len(decoded(SAMPLE / tenant / uri).splitlines()) > 15, uri
        elif suffix not in TABLES:
            assert 300 <= len(text_of(tenant, uri).split()) <= 2_000, uri


def test_the_sample_is_small() -> None:
    # Caches that a local run leaves behind are not part of it.
    sizes = [path.stat().st_size for path in SAMPLE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(sizes) < 1_500_000


def test_two_builds_are_equal_byte_for_byte(build: Path, tmp_path: Path) -> None:
    second = built(tmp_path)
    for path in (path for path in build.rglob("*") if path.is_file()):
        assert path.read_bytes() == (second / path.relative_to(build)).read_bytes(), path.name


def test_the_build_gives_what_is_committed(build: Path) -> None:
    rendered = {path.relative_to(build).as_posix() for path in build.rglob("*") if path.is_file()}
    assert rendered == {
        f"{tenant}/{uri}" for tenant in TENANTS for uri in documents(tenant) if Path(uri).suffix in RENDERED
    }
    for name in rendered:
        new, committed = build / name, SAMPLE / name
        if new.suffix == ".pdf":
            assert new.read_bytes() == committed.read_bytes(), f"{name}: run python sample/build.py"
        else:
            # Members, not files: zlib implementations compress the same bytes differently.
            assert members(new) == members(committed), f"{name}: run python sample/build.py"


def test_the_scan_is_a_picture_of_text_and_every_other_pdf_has_text() -> None:
    for tenant in TENANTS:
        for uri in documents(tenant):
            if uri.endswith(".pdf"):
                assert bool(pdf_text(SAMPLE / tenant / uri)) == (uri != SCAN), uri
    document = pypdfium2.PdfDocument(SAMPLE / "northwind-clinic" / SCAN)
    picture = document[0].render(grayscale=True).to_pil()
    document.close()
    dark = sum(picture.histogram()[:128]) / (picture.width * picture.height)
    assert 0.01 < dark < 0.2


@pytest.mark.parametrize("tenant", TENANTS)
def test_golden_cases_are_many_varied_and_unique(tenant: str) -> None:
    cases = golden(tenant)
    assert len(cases) >= 25
    assert max(Counter(case["id"] for case in cases).values()) == 1
    assert max(Counter(case["text"] for case in cases).values()) == 1
    assert {"plain", "table", "pii", "version", "mail", "code"} <= {case["slice"] for case in cases}
    refusals = Counter(case["slice"] for case in cases if case["refuse"])
    assert sum(refusals.values()) >= 6
    assert set(refusals) == {"off_topic", "other_tenant", "near_miss"}


@pytest.mark.parametrize("tenant", TENANTS)
def test_a_golden_answer_stands_in_the_first_document_named(tenant: str) -> None:
    for case in golden(tenant):
        if case["refuse"]:
            assert case["uris"] == [], case["id"]
            assert "answer" not in case, case["id"]
            continue
        assert set(case["uris"]) <= set(documents(tenant)), case["id"]
        text = text_of(tenant, case["uris"][0])
        if case["answer"].startswith("<"):
            label = case["answer"].strip("<").removesuffix("_")
            # A person's address has the person's pseudonym.
            planted = PLANTED[tenant]["EMAIL_ADDRESS" if label == "PERSON" else label]
            assert any(value in text for value in planted), case["id"]
        else:
            assert case["answer"] in text, case["id"]


def test_the_demo_asks_three_plain_questions_one_about_an_address_and_one_beyond_the_corpus() -> None:
    assert {question["tenant"] for question in DEMO[:3]} == set(TENANTS)
    assert [question["expect"]["refused"] for question in DEMO] == [False, False, False, False, True]
    for question in DEMO[:3]:
        text = text_of(question["tenant"], question["expect"]["cites"][0])
        assert all(part in text for part in question["expect"]["contains"]), question["text"]


def test_the_demo_expects_a_pseudonym_where_the_document_has_an_address() -> None:
    question = DEMO[3]
    assert question["expect"]["contains"] == ["<PERSON_"]  # the address stands beside its owner's name
    text = text_of(question["tenant"], question["expect"]["cites"][0])
    assert all(address in text for address in question["expect"]["not_contains"])
    assert set(question["expect"]["not_contains"]) <= set(PLANTED[question["tenant"]]["EMAIL_ADDRESS"])


@pytest.mark.parametrize("tenant", TENANTS)
def test_every_address_is_planted_and_under_a_reserved_domain(tenant: str) -> None:
    addresses = set(EMAIL.findall(all_sources(tenant)))
    assert addresses == set(PLANTED[tenant]["EMAIL_ADDRESS"])
    assert [address for address in addresses if not RESERVED_DOMAIN.fullmatch(address)] == []


@pytest.mark.parametrize("tenant", TENANTS)
def test_every_telephone_number_is_planted_and_from_a_reserved_range(tenant: str) -> None:
    assert [number for number in PLANTED[tenant]["PHONE_NUMBER"] if not RESERVED_NUMBER.fullmatch(number)] == []
    values = [value for planted in PLANTED[tenant].values() for value in planted]
    text = all_sources(tenant)
    for region in ("GB", "US", "DE"):
        for match in phonenumbers.PhoneNumberMatcher(text, region):
            # A run of digits within an IBAN or an NHS number also looks like a telephone number.
            assert any(match.raw_string.strip() in value for value in values), match.raw_string


@pytest.mark.parametrize("tenant", TENANTS)
def test_every_planted_value_occurs_and_passes_its_checksum(tenant: str) -> None:
    text = all_sources(tenant)
    for values in PLANTED[tenant].values():
        assert [value for value in values if value not in text] == []
    assert all(iban_remainder(iban) == 1 for iban in PLANTED[tenant]["IBAN_CODE"])
    assert all(luhn_sum(card) % 10 == 0 for card in PLANTED[tenant]["CREDIT_CARD"])
    for number in PLANTED[tenant].get("UK_NHS", []):
        digits = [int(digit) for digit in number.replace(" ", "")]
        assert sum(digit * weight for digit, weight in zip(digits, range(10, 0, -1), strict=True)) % 11 == 0


def iban_remainder(iban: str) -> int:
    compact = iban.replace(" ", "")
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97


def luhn_sum(card: str) -> int:
    digits = [int(digit) for digit in reversed(card.replace(" ", ""))]
    return sum(digits[0::2]) + sum(sum(divmod(2 * digit, 10)) for digit in digits[1::2])


def shingles(text: str) -> set[tuple[str, ...]]:
    tokens = text.lower().split()
    return set(zip(*(tokens[n:] for n in range(3)), strict=False))


def test_the_exact_duplicate_has_the_same_bytes() -> None:
    clinic = SAMPLE / "northwind-clinic"
    original, copy = clinic / "incidents/2026-02-fridge-failure.md", clinic / "archive/elm-park-vaccine-loss.md"
    assert original.read_bytes() == copy.read_bytes()


@pytest.mark.parametrize(
    ("tenant", "uri", "other"),
    [
        ("northwind-clinic", "patients/cleaning-notice.txt", "archive/cleaning-notice-draft.txt"),
        ("acme-robotics", "support/noisy-joint.txt", "archive/noisy-joint-print.txt"),
    ],
)
def test_near_duplicates_share_most_of_their_shingles_but_not_all(tenant: str, uri: str, other: str) -> None:
    a, b = shingles(text_of(tenant, uri)), shingles(text_of(tenant, other))
    assert 0.8 < len(a & b) / len(a | b) < 1


def test_the_two_data_sheets_differ_in_numbers_and_names_only() -> None:
    products = SAMPLE / "acme-robotics/products"
    first, second = (
        re.sub(r"[\d.,]+", "0", decoded(products / f"{name}-datasheet.md")) for name in ("ar-200", "ar-210")
    )
    first = first.replace("revision F", "revision C").replace("May", "June")
    assert first == second


@pytest.mark.parametrize(
    ("tenant", "stem"), [("northwind-clinic", "policies/visitor-policy"), ("acme-robotics", "policies/remote-access")]
)
def test_both_versions_of_a_policy_say_from_when_they_apply(tenant: str, stem: str) -> None:
    for version in ("v1", "v2"):
        (uri,) = [uri for uri in documents(tenant) if uri.startswith(f"{stem}-{version}")]
        assert "Effective from" in text_of(tenant, uri)


def test_the_odd_files_are_as_odd_as_promised() -> None:
    clinic, maker = SAMPLE / "northwind-clinic", SAMPLE / "acme-robotics"
    assert (clinic / EMPTY).stat().st_size == 0
    assert "Ignore all previous instructions" in decoded(clinic / "inbox/vendor-brochure.html")
    assert re.search(r"[一-鿿]", decoded(clinic / "patients/welcome-in-your-language.md"))
    for path in (clinic / "archive/convention-de-stage.txt", maker / "hr/werksordnung.txt"):
        with pytest.raises(UnicodeDecodeError):
            path.read_bytes().decode("utf-8")
