"""`prodgen redact`: a dry run of the redaction filter on any text, with no database.

Tokens are made with a key of this process: the same value has the same token throughout one run, and no token means
anything in an index or in another run.
"""

import hashlib
import hmac
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from prodgen_pipeline.cli.batch import read_batch
from prodgen_pipeline.cli.output import print_json, print_json_line
from prodgen_pipeline.cli.parameters import AsJson, BatchFile
from prodgen_pipeline.core.errors import NotFound, UsageError

if TYPE_CHECKING:
    from prodgen_pipeline.core.configuration import RedactionConfig
    from prodgen_pipeline.core.models import EntitySpan
    from prodgen_pipeline.core.redaction.names import FindNames

#: A text to its redacted form and the spans found in the text as it was.
Filter = Callable[[str], tuple[str, "list[EntitySpan]"]]


def redact(
    file: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A text file; standard input without one.")
    ] = None,
    policy: Annotated[
        Literal["secrets", "pii", "phi", "strict"] | None,
        typer.Option(help="What counts as personal; each includes the one before."),
    ] = None,
    batch: BatchFile = None,
    as_json: AsJson = False,
) -> None:
    """Try the redaction filter on a text.

    Replaces personal data by pseudonyms, as indexing would. Needs no database; the tokens mean nothing elsewhere.
    """
    from prodgen_pipeline.settings import load_settings

    config = load_settings().redaction
    redacted = _filter(replace(config, policy=policy or config.policy), _names)
    if batch is not None:
        if file is not None:
            raise UsageError("give FILE or --batch, not both")
        for line in read_batch(batch):
            text, spans = redacted(line.text)
            print_json_line({"id": line.id, "text": text, "spans": _as_json(spans)})
        return
    text, spans = redacted(_read(file))
    if as_json:
        print_json({"text": text, "spans": _as_json(spans)})
    else:
        sys.stdout.write(text)


def _names(texts: Sequence[str]) -> list[list["EntitySpan"]]:
    """What the language pipeline finds; imported by the first text that is read."""
    from prodgen_pipeline.clients.language import find_names

    return find_names(texts)


def _filter(config: "RedactionConfig", names: "FindNames | None" = None) -> Filter:
    from prodgen_pipeline.core.redaction import anonymize, detect, normalise_value, pseudonym

    key = secrets.token_bytes(32)
    tokens: dict[tuple[str, str], str] = {}
    taken: set[str] = set()

    def token(label: str, value: str) -> str:
        digest = hmac.new(key, f"{label}\x00{value}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()
        # Two values never share a token: the later one gets more digits.
        candidates = (pseudonym(label, digest, length) for length in (4, 6, 8, 12, 16, 32, 64))
        found = next(candidate for candidate in candidates if candidate not in taken)
        taken.add(found)
        return found

    def redact_text(text: str) -> tuple[str, "list[EntitySpan]"]:
        spans = detect(text, config, names)
        for span in spans:
            value = span.label, normalise_value(span.label, text[span.start : span.end])
            if value not in tokens:
                tokens[value] = token(*value)
        return anonymize(text, spans, tokens, config.actions)[0], spans

    return redact_text


def _as_json(spans: "list[EntitySpan]") -> list[dict[str, object]]:
    return [{"start": span.start, "end": span.end, "label": span.label, "score": span.score} for span in spans]


def _read(file: Path | None) -> str:
    """The text as it is: line ends are not translated, since offsets count them."""
    try:
        raw = sys.stdin.buffer.read() if file is None else file.read_bytes()
    except OSError as error:
        raise NotFound(f"cannot read {file}: {error.strerror}") from None
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{file or 'standard input'}: not UTF-8 at byte {error.start}") from None
