"""Files of source code keep their indentation and say their language."""

import pytest

from prodgen_pipeline.clients.parsers import parse, parse_light
from prodgen_pipeline.clients.parsers.detection import LANGUAGES
from prodgen_pipeline.core.configuration import ParsingConfig
from prodgen_pipeline.core.models import ElementType

CODE = "\n\nclass Pump:\n    def start(self):\n        return 1\n"


@pytest.mark.parametrize(("name", "language"), [("src/pump.py", "python"), ("a/b.RS", "rust"), ("x.tsx", "tsx")])
def test_a_source_file_is_one_element_of_its_language(name: str, language: str) -> None:
    parsed = parse(CODE.encode(), uri=name, config=ParsingConfig())
    assert [(element.type, element.language) for element in parsed.elements] == [(ElementType.CODE, language)]
    assert parsed.elements[0].text == CODE.strip("\n")
    assert (parsed.title, parsed.media_type) == (name.rpartition("/")[2], "text/x-source")


def test_source_files_need_no_worker() -> None:
    assert all(parse_light(CODE.encode(), uri=f"file.{each}", config=ParsingConfig()) for each in LANGUAGES)


def test_a_web_page_under_a_name_of_code_is_a_web_page() -> None:
    page = b"<!doctype html><html><body><p>Not found</p></body></html>"
    assert parse(page, uri="pump.py", config=ParsingConfig()).media_type == "text/html"
