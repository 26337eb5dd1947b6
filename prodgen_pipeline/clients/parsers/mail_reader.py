"""E-mail: header fields as elements, then the body through unstructured (HTML) or as plain text.

Header fields and transfer encodings are read with the standard library, as unstructured does, because it keeps header
fields only as metadata, fails on a body whose declared character set does not exist and calls short lines titles.
Attachments are not opened yet.
"""

import email.policy
from collections.abc import Iterator
from datetime import UTC
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.message import EmailMessage, Message
from email.parser import BytesParser
from email.utils import parsedate_to_datetime

from prodgen_pipeline.clients.parsers.content import Content
from prodgen_pipeline.clients.parsers.decoding import decode
from prodgen_pipeline.clients.parsers.html_reader import elements_of_page
from prodgen_pipeline.clients.parsers.text_reader import paragraphs
from prodgen_pipeline.clients.parsers.unstructured_library import LIBRARY
from prodgen_pipeline.core.models import Element, ElementType, ParsedDocument

__all__ = ["LIBRARY", "read"]

_FIELDS = ("From", "To", "Cc", "Date", "Subject", "Newsgroups")


def read(content: Content) -> ParsedDocument:
    """One element per header field, then the body; the title is the subject."""
    # A message stored in UTF-16 is only a message once it is bytes of ASCII's kind again.
    is_wide = b"\0" in content.data[:64] or content.data.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf"))
    data = content.text.encode("utf-8", "replace") if is_wide else content.data
    message = BytesParser(EmailMessage, policy=email.policy.default).parsebytes(data)
    fields = {name: value for name in _FIELDS if (value := _field(message, name))}
    headers = [Element(type=ElementType.MAIL_HEADER, text=f"{name}: {value}") for name, value in fields.items()]
    metadata = {"subject": fields.get("Subject", ""), "date": _iso_date(fields.get("Date", ""))}
    return ParsedDocument(elements=(*headers, *_body(message)), title=fields.get("Subject"), metadata=metadata)


def _iso_date(value: str) -> str:
    """A header field's time in UTC as ISO 8601; empty where it is none."""
    try:
        return parsedate_to_datetime(value).astimezone(UTC).isoformat()
    except (ValueError, OverflowError, TypeError):
        return ""


def _field(message: EmailMessage, name: str) -> str:
    """All values of a header field on one line, its encoded words decoded.

    From the raw value: the standard library's address parser takes quadratic time and fails on fields that people send.
    """
    raw = [str(value) for key, value in message.raw_items() if key.lower() == name.lower()]
    return " ".join(", ".join(_decoded_words(value) for value in raw).split())


def _decoded_words(value: str) -> str:
    # Bytes beyond ASCII stand in the parsed header as lone surrogates.
    text = decode(value.encode("utf-8", "surrogateescape")) or ""
    try:
        return str(make_header(decode_header(text)))
    except (LookupError, UnicodeError, HeaderParseError):  # an unknown character set: shown as sent
        return text


def _body(message: EmailMessage) -> Iterator[Element]:
    """The body's HTML form where there is one, else its plain form; every inline text part where neither is marked."""
    best = message.get_body(preferencelist=("html", "plain"))
    parts = [best] if best is not None else [part for part in message.walk() if part.get_content_maintype() == "text"]
    for part in parts:
        text = _text(part)
        if part.get_content_subtype() == "html":
            yield from elements_of_page(text)
        else:
            yield from paragraphs(text)


def _text(part: Message) -> str:
    """The decoded text of one part: by its declared character set where that exists and fits, else by its bytes."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    try:
        text = data.decode(part.get_content_charset("") or "ascii")
    except (LookupError, UnicodeError):
        text = decode(data) or ""
    return text.replace("\r\n", "\n").replace("\r", "\n")
