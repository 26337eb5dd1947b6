"""Code is cut where a programmer would: between statements, functions whole where they fit."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prodgen_pipeline.clients.tokenizer import WordPieceTokenizer
from prodgen_pipeline.core.chunking import chunk
from prodgen_pipeline.core.chunking.code_structure import statements
from prodgen_pipeline.core.configuration import ChunkingConfig
from prodgen_pipeline.core.models import Element, ElementType

TOKENIZER = WordPieceTokenizer.load()
SMALL = ChunkingConfig(max_tokens=60, min_tokens=10, heading_tokens=12)

PYTHON = '''\
import re

# About f.
@decorated(
    1
)
def f(a,
      b):
    """One

    doc string."""
    # First.
    x = 1
    if x:
        y = 2
    # Else.
    elif b:
        y = [1,
             2]
    return y

class A:
    def m(self):
        pass
'''
CPP = """\
#include <x>

/* Adds, { not a block.
 */
template <typename T>
int add(int a,
        int b)
{
    char c = '{';  // }
    if (a) {
        return "}";
    } else {
        other();
    }
    chain
        .more();
}

class B {
public:
    int x;
};
"""
JAVASCRIPT = """\
describe("x", function() {
  it("a", () => {
    expect(/[{"]/.test(s)).toBe(`}
${a} {`);
  });
});
function g() {
  return 1
}
"""
RUST = """\
fn first<'a>(x: &'a str) -> char {
    let c = '{';
    let r = r#"{"{"#;
    c
}

#[test]
fn second() {
    first("a");
}
"""


def cut(code: str, language: str | None) -> list[str]:
    element = Element(type=ElementType.CODE, text=code, language=language)
    return [piece.text for piece in chunk([element], SMALL, TOKENIZER)]


def outline(code: str, language: str | None) -> list[tuple[int, str]]:
    return [(each.depth, code[each.start : each.end].strip().split("\n")[0]) for each in statements(code, language)]


def signatures(code: str, language: str) -> list[str]:
    found = [code[slice(*each.signature)] for each in statements(code, language)]
    return [signature for signature in found if signature]


def test_python_is_read_by_its_syntax_with_comments_and_decorators_at_their_statement():
    assert outline(PYTHON, "python") == [
        (0, "import re"),
        (0, "# About f."),
        (1, '"""One'),
        (1, "# First."),
        (1, "if x:"),
        (2, "y = 2"),
        (2, "# Else."),
        (3, "y = [1,"),
        (1, "return y"),
        (0, "class A:"),
        (1, "def m(self):"),
        (2, "pass"),
    ]
    assert signatures(PYTHON, "python")[0] == "def f(a,\n      b):"


@pytest.mark.parametrize("change", ["    print 'a'\n", "    x = = 1\n"])
def test_python_that_does_not_parse_is_read_by_its_indentation(change: str):
    code = PYTHON.replace("    return y\n", change + "    return y\n")
    assert [line for depth, line in outline(code, "python") if depth == 0] == ["import re", "# About f.", "class A:"]
    assert (1, change.strip()) in outline(code, "python")
    assert not any("doc string" in line or "2]" in line for _, line in outline(code, "python"))


def test_braces_in_strings_and_comments_open_no_block():
    assert [line for depth, line in outline(CPP, "c++") if depth == 0] == [
        "#include <x>",
        "/* Adds, { not a block.",
        "class B {",
    ]
    assert "int add(int a,\n        int b)\n{" in signatures(CPP, "c++")
    assert not any(line.startswith((".more", "}", "{")) for _, line in outline(CPP, "c++"))
    assert [line for depth, line in outline(JAVASCRIPT, "js") if depth == 0] == [
        'describe("x", function() {',
        "function g() {",
    ]
    assert [line for depth, line in outline(RUST, "rust") if depth == 0] == [
        "fn first<'a>(x: &'a str) -> char {",
        "#[test]",
    ]


def test_of_an_unknown_language_the_indentation_counts_and_no_line_is_known_to_introduce():
    code = "a: 1\nb:\n  c: 2\n\nd: 3\n"
    assert outline(code, "yaml") == [(0, "a: 1"), (0, "b:"), (1, "c: 2"), (0, "d: 3")]
    assert signatures(code, "yaml") == []


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.sampled_from([*PYTHON.split("\n"), *CPP.split("\n"), *JAVASCRIPT.split("\n"), "}", '"""', "{", "\r"]))
    .map("\n".join)
    .filter(bool),
    st.sampled_from(["python", "c", "js", "rust", None]),
)
def test_statements_are_nested_and_together_the_whole_text(code: str, language: str | None):
    found = statements(code, language)
    top = [each for each in found if each.parent < 0]
    if found:
        assert (top[0].start, top[-1].end) == (0, len(code))
        assert all(before.end == after.start for before, after in zip(top, top[1:], strict=False))
    for index, each in enumerate(found):
        assert each.start < each.end or each.end == len(code)
        assert index < each.after <= len(found)
        if each.parent >= 0:
            outer = found[each.parent]
            assert outer.start <= each.start
            assert each.end <= outer.end
            assert each.depth == outer.depth + 1
        begin, end = each.signature
        assert begin == end or each.start <= begin < end <= found[index + 1].start


def function(name: str, n_lines: int) -> str:
    lines = "".join(f"    value_{n} = call({n})\n" for n in range(n_lines))
    return f"@traced\ndef {name}(argument):\n{lines}    return value_0\n"


@settings(deadline=None, max_examples=40)
@given(st.lists(st.integers(1, 3), min_size=2, max_size=8), st.sampled_from(["python", "py"]))
def test_no_function_is_cut_that_fits_into_a_chunk(sizes: list[int], language: str):
    functions = [function(f"f{number}", size) for number, size in enumerate(sizes)]
    found = cut("\n\n".join(functions), language)
    assert all(any(each.strip() in piece for piece in found) for each in functions)
    assert all(piece.startswith("@traced") for piece in found)


def test_a_function_longer_than_a_chunk_is_cut_between_lines_and_repeats_its_signature():
    code = "class A:\n" + "".join(f"    {line}\n" for line in function("long", 14).split("\n") if line)
    found = cut(code, "python")
    assert len(found) > 2
    for piece in found[1:]:
        assert piece.startswith("class A:\n    def long(argument):\n        value_")
    lines = [line for piece in found for line in piece.split("\n") if "value_" in line]
    assert lines == [line for line in code.split("\n") if "value_" in line]


def test_a_function_in_braces_is_cut_the_same_way():
    body = "".join(f"    if (a == {n}) {{\n        return {n};\n    }}\n" for n in range(12))
    found = cut(f"// Doc.\nint f(int a) {{\n{body}}}\n", "c")
    assert found[0].startswith("// Doc.\nint f(int a) {\n")
    assert all(piece.startswith("int f(int a) {\n    if (a == ") and piece.endswith("}") for piece in found[1:])


def test_a_signature_that_takes_half_of_the_room_is_not_repeated_whole():
    arguments = ",\n".join(f"        argument_{n}" for n in range(8))
    body = "\n".join(f"    do(argument_{n})" for n in range(12))
    found = cut(f"def f(\n{arguments},\n):\n{body}\n", "python")
    assert found[-1].startswith("def f(\n    do(")


def test_a_statement_longer_than_a_chunk_is_cut_at_a_line():
    table = "".join(f'    "key {n}": "value {n}",\n' for n in range(40))
    found = cut(f"TABLE = {{\n{table}}}\n", "python")
    assert len(found) > 4
    assert all(piece.split("\n")[0].startswith('    "key') for piece in found[1:])


def test_a_title_alone_is_not_parted_from_code_that_fits():
    code = Element(type=ElementType.CODE, text=function("f", 3) + "\n" + function("g", 3), language="python")
    heading = Element(type=ElementType.TITLE, text="Two functions", level=1)
    first, second = chunk([heading, code], SMALL, TOKENIZER)
    assert first.text.startswith("Two functions\n\n@traced\ndef f(")
    assert second.text.startswith("@traced\ndef g(")


@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("{\n" * 20_000 + "}\n" * 20_000, "c"),
        ("".join(" " * depth + "if x:\n" for depth in range(400)), "python"),
        ('"""\\"' * 20_000, "python"),
        ("=/[" * 30_000, "js"),
        ("f(" * 30_000, "python"),
        ("'" * 60_000, "php"),
        ("function f(a){return a+1};" * 3_000, "js"),
        ("\\" * 50_000, None),
    ],
)
def test_hostile_code_is_cut_all_the_same(code: str, language: str | None):
    assert "".join("".join(cut(code, language)).split()).count("{") >= code.count("{")
