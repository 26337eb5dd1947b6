"""Presidio's recognisers where their shipped form does not fit: network, letter case, numbers that are no addresses.

Belongs here: subclasses that change how a value is validated. Does not: patterns and context words (`catalogue`).
Importing this module imports Presidio (seconds), so only `catalogue` and `credentials` do.
"""

import ipaddress
import re

from phonenumbers import PhoneNumberMatcher
from presidio_analyzer import Pattern, PatternRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from presidio_analyzer.predefined_recognizers import (
    CreditCardRecognizer,
    EmailRecognizer,
    IbanRecognizer,
    IpRecognizer,
    PhoneRecognizer,
)
from tldextract import TLDExtract

# Top-level domains that are not in the public suffix list, yet name people inside organisations and in examples.
_PRIVATE_DOMAINS = frozenset(
    "corp example home internal intra intranet invalid lan local localdomain localhost private test".split()
)
# Global, unique local and link-local addresses; `3000::` is how reStructuredText ends a line before an example.
_SHORTENED_IPV6 = re.compile(r"(?i)(?:[23f][0-9a-f]{3}|64):.*(?:[0-9a-f]|/\d+)$")


class OfflineEmailRecognizer(EmailRecognizer):
    """Presidio's e-mail recogniser without its download of the public suffix list at first use.

    The local part is bounded (64 characters, as the mail standard says), which keeps matching linear, and takes neither
    quotes nor `=`, so that `to='a@b.org'` yields the same value as `a@b.org`.
    """

    _DOMAIN = r"\w{1,63}(?:-{1,3}\w{1,63}){0,9}(?:\.\w{1,63}(?:-{1,3}\w{1,63}){0,9}){1,9}"
    PATTERNS = [
        Pattern("e-mail", rf"\b\w(?:[\w.!#$%&*+^~-]|'(?=\w)){{0,63}}@{_DOMAIN}\b", 0.5),
        Pattern(
            "e-mail written out",
            rf"\b\w[\w.+-]{{0,63}} ?(?:\(at\)|\[at\]|\{{at\}}|<at>) ?{_DOMAIN}\b"
            rf"|(?<=<)\w[\w.+-]{{0,63}} at {_DOMAIN}(?=>)",
            0.5,
        ),
    ]
    _suffixes = TLDExtract(suffix_list_urls=(), cache_dir=None)

    def validate_result(self, pattern_text: str) -> bool:
        """Whether the domain ends in a public suffix of the installed list, or in a private one."""
        domain = re.split(r"@|[ ([{<]at[)\]}> ]", pattern_text.lower())[-1].strip()
        return domain.rsplit(".", 1)[-1] in _PRIVATE_DOMAINS or bool(self._suffixes(domain).fqdn)


class AnyCaseIbanRecognizer(IbanRecognizer):
    """Presidio's IBAN recogniser for small letters too, which it would log, value and all, as failed to validate."""

    def validate_result(self, pattern_text: str) -> bool | None:
        """Whether the check digits and the country's format fit."""
        valid: bool | None = super().validate_result(pattern_text.upper())
        return valid


class IssuedCardRecognizer(CreditCardRecognizer):
    """Presidio's card recogniser with the prefixes and lengths that issuers use, also newer ones.

    Presidio's own pattern takes any 12 to 17 digits that begin with 1, 3, 4, 5 or 6: one in ten passes the check.
    """

    PATTERNS = [
        Pattern("Visa", r"(?<![\w.])4\d{3}(?:[ -]?\d{4}){3}(?!\w)|(?<![\w.])4\d{12}(?:\d{6})?(?!\w)", 0.3),
        Pattern(
            "Mastercard", r"(?<![\w.])(?:5[1-5]\d\d|2(?:2[2-9]\d|[3-6]\d\d|7[01]\d|720))(?:[ -]?\d{4}){3}(?!\w)", 0.3
        ),
        Pattern("American Express", r"(?<![\w.])3[47]\d\d[ -]?\d{6}[ -]?\d{5}(?!\w)", 0.3),
        Pattern(
            "Discover, UnionPay",
            r"(?<![\w.])(?:6011|6[25]\d\d|64[4-9]\d|81\d\d)(?:[ -]?\d{4}){3}(?:\d{1,3})?(?!\w)",
            0.3,
        ),
        Pattern(
            "JCB, Diners",
            r"(?<![\w.])(?:35\d\d(?:[ -]?\d{4}){3}|(?:2131|1800)\d{11}|3[0689]\d\d[ -]?\d{6}[ -]?\d{4})(?!\w)",
            0.3,
        ),
    ]


class NationalPhoneRecognizer(PhoneRecognizer):
    """Presidio's phone recogniser on numbers that begin with a trunk zero and are written in groups.

    Presidio's searches the whole text once per region, 15 KB per CPU-second on tables of numbers; what it finds
    elsewhere needs a word beside it to count, for which a pattern does as well. Regions decide validity, as there.
    """

    SCORE = 0.6
    _SHAPE = re.compile(
        r"(?<![\w.+/-])(?=\(?0(?:\D{0,2}\d){8})"
        r"(?:(?:\(0\d{1,4}\) ?|0\d{1,4}[ /-])(?:\d{2,4}[ -]){0,3}\d{2,8}|0\d(?:\.\d\d){4})(?![\w/-])"
    )

    def __init__(self) -> None:
        super().__init__(supported_regions=("GB", "DE", "FR", "IN", "IT", "AU"))

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        """The numbers of that shape that some region knows as valid."""
        return [
            RecognizerResult(self.supported_entities[0], shape.start(), shape.end(), self.SCORE)
            for shape in self._SHAPE.finditer(text)
            if self._is_valid(shape.group())
        ]

    def _is_valid(self, value: str) -> bool:
        return any(PhoneNumberMatcher(value, region).has_next() for region in self.supported_regions)


class OrdinaryIpRecognizer(IpRecognizer):
    """Presidio's IP recogniser without loopback and unspecified addresses, and without slices such as `1::2`."""

    def invalidate_result(self, pattern_text: str) -> bool:
        """Whether the address names no machine in particular, or is shortened beyond what addresses look like."""
        try:
            address = ipaddress.ip_address(pattern_text.split("/")[0].split("%")[0])
        except ValueError:
            return True
        if address.is_loopback or address.is_unspecified or str(address) == "255.255.255.255":
            return True
        return "::" in pattern_text and "." not in pattern_text and not _SHORTENED_IPV6.match(pattern_text)


class ChecksumRecognizer(PatternRecognizer):
    """A recogniser of ours whose values carry a check of digits."""

    def __init__(self, supported_entity: str, patterns: list[Pattern], weights: tuple[tuple[int, ...], ...]) -> None:
        self._weights = weights
        super().__init__(supported_entity=supported_entity, patterns=patterns)

    def validate_result(self, pattern_text: str) -> bool:
        """Whether each check digit, in order, completes the weighted sum of those before it to a multiple of 11."""
        digits = [int(char) for char in pattern_text if char.isdigit()]
        if len(set(digits)) == 1:
            return False
        for weights in self._weights:
            total = sum(weight * digit for weight, digit in zip(weights, digits, strict=False))
            if (-total % 11) % 10 != digits[len(weights)]:
                return False
        return True
