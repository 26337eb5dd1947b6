"""Render the binary documents of the sample corpus from `sample/source`: `python sample/build.py [OUTPUT_FOLDER]`.

Belongs here: which source becomes which file. Does not: the markup (markup.py), the formats (office.py, pdf.py).
The results are committed, so that the demo needs no build; a test builds them again and compares.

`source/TENANT/FOLDER/NAME.SUFFIX.md` becomes `TENANT/FOLDER/NAME.SUFFIX`; a PDF whose front matter says `kind: scan`
holds a picture and no text.
"""

import sys
from pathlib import Path

from markup import Source, parse
from office import render_docx, render_pptx, render_xlsx
from pdf import render_pdf, render_scan

_HERE = Path(__file__).resolve().parent
_RENDERERS = {".docx": render_docx, ".pptx": render_pptx, ".xlsx": render_xlsx}


def build(output: Path) -> list[Path]:
    """Render every source below `output`; return the files written."""
    written = []
    for path in sorted((_HERE / "source").rglob("*.md")):
        target = output / path.relative_to(_HERE / "source").with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(_render(target.suffix, parse(path.read_text(encoding="utf-8"))))
        written.append(target)
    return written


def _render(suffix: str, source: Source) -> bytes:
    if suffix == ".pdf":
        return render_scan(source) if source.is_scan else render_pdf(source)
    return _RENDERERS[suffix](source)


if __name__ == "__main__":
    output = Path(sys.argv[1]) if len(sys.argv) > 1 else _HERE
    print(f"{len(build(output))} documents rendered below {output}")
