"""Figures as Dagster's pages show them: small tables, counts and one plot. Never document text, never a row a document.

Belongs here: from counts to metadata. Does not: counting (storage.checks).
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from io import BytesIO
from typing import TYPE_CHECKING

import dagster as dg

from prodgen_pipeline.lifecycle.runs import Run, StageCounts
from prodgen_pipeline.storage import checks

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Metadata = dict[str, dg.MetadataValue]
_WIDTH, _HEIGHT, _MARGIN = 420, 140, 18


def figures(record: "DataclassInstance") -> Metadata:
    """A record of counts, one entry a field."""
    return {name: dg.MetadataValue.int(value) for name, value in asdict(record).items()}


def counts(run: Run, stage: str) -> Metadata:
    """What the run did in a stage, as a table of one row."""
    counted = run.counts.get(stage, StageCounts())
    return {"documents": dg.MetadataValue.table([dg.TableRecord(asdict(counted))])}


def quarantine(run: Run, stage: str) -> Metadata:
    """What waits for a person before this stage, by reason; nothing where nothing does."""
    with run.database.transaction(run.tenant.tenant_id) as tx:
        reasons = checks.quarantined_reasons(tx, stage)
    return table("quarantined", "reason", reasons) if reasons else {}


def table(name: str, what: str, counted: Mapping[str, int]) -> Metadata:
    """A table of names with their counts; an empty one says that there was nothing."""
    rows = [dg.TableRecord({what: key, "count": n}) for key, n in counted.items()]
    schema = dg.TableSchema([dg.TableColumn(what, "string"), dg.TableColumn("count", "int")])
    return {name: dg.MetadataValue.table(rows, schema)}


def rows(name: str, records: Sequence[dg.TableRecord]) -> Metadata:
    """A table; nothing at all where it would be empty, because Dagster guesses columns from the first row."""
    return {name: dg.MetadataValue.table(list(records))} if records else {}


def bars(title: str, heights: Mapping[str, int]) -> dg.MetadataValue:
    """A bar chart as an image inside Markdown, about 1 KB, with its figures as the image's text."""
    from PIL import Image, ImageDraw

    image = Image.new("P", (_WIDTH, _HEIGHT), 0)
    image.putpalette([255, 255, 255, 74, 101, 214, 90, 90, 90])
    draw = ImageDraw.Draw(image)
    step = (_WIDTH - 2 * _MARGIN) / max(len(heights), 1)
    highest = max(heights.values(), default=0) or 1
    for at, (label, n) in enumerate(heights.items()):
        left, floor = _MARGIN + at * step, _HEIGHT - _MARGIN
        draw.rectangle((left + 2, floor - (floor - _MARGIN) * n / highest, left + step - 2, floor), fill=1)
        draw.text((left + 3, floor + 3), label, fill=2)
    draw.text((_MARGIN, 2), f"{title} (highest bar: {highest:,})", fill=2)
    data = BytesIO()
    image.save(data, "PNG", optimize=True)
    told = ", ".join(f"{label}: {n}" for label, n in heights.items())
    return dg.MetadataValue.md(f"![{told}](data:image/png;base64,{base64.b64encode(data.getvalue()).decode()})")
