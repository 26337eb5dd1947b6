"""The rules for secrets: keys, tokens, private keys, passwords. They hold under every policy.

Belongs here: patterns of issued keys and of values assigned to telling names. Does not: personal data (`catalogue`).
Only the secret is taken, never the name it is assigned to nor the rest of a web address, so the text stays readable.
Every pattern is bounded, which keeps matching linear.
"""

import re

from presidio_analyzer import Pattern, PatternRecognizer

from prodgen_pipeline.core.redaction import gates
from prodgen_pipeline.core.redaction.rules import Rule

#: Forms that their issuers gave a recognisable start.
_ISSUED_KEYS = (
    r"(?:AKIA|ASIA|AROA|AIDA)[0-9A-Z]{16}",  # Amazon
    r"gh[pousr]_[A-Za-z0-9]{30,255}|github_pat_[A-Za-z0-9_]{22,255}",  # GitHub
    r"gl(?:pat|dt|rt|ptt|soat)-[A-Za-z0-9_-]{20,255}",  # GitLab
    r"xox[abeprs]-[A-Za-z0-9-]{10,255}|xapp-[A-Za-z0-9-]{10,255}",  # Slack
    r"AIza[0-9A-Za-z_-]{35}|ya29\.[0-9A-Za-z_-]{20,2000}|GOCSPX-[0-9A-Za-z_-]{20,60}",  # Google
    r"[srp]k_(?:live|test)_[0-9A-Za-z]{16,255}|whsec_[0-9A-Za-z]{24,255}",  # Stripe
    r"sk-(?:(?:proj|ant|or|svcacct|live|test)-)?[A-Za-z0-9_-]{20,255}",  # OpenAI, Anthropic and others like them
    r"SG\.[A-Za-z0-9_-]{16,64}\.[A-Za-z0-9_-]{16,64}",  # SendGrid
    r"npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,500}|hf_[A-Za-z0-9]{30,60}|dop_v1_[0-9a-f]{64}",  # registries, hosts
    r"eyJ[A-Za-z0-9_-]{8,2000}\.eyJ[A-Za-z0-9_-]{8,3000}\.[A-Za-z0-9_-]{0,1000}",  # JSON web tokens
)
_KEY_NAMES = (
    r"(?:api|access|auth|secret|private|account|client|encryption|signing|service|shared|aws[\w-]{0,20})[ _-]?"
    r"(?:key|token|secret)(?:[ _-]?id)?|(?:secret|access)[_-]?access[_-]?key|sharedaccesskey|token|sig|signature"
)
_CHOSEN_NAMES = r"(?:[a-z0-9]{1,20}[_-])?(?:pass(?:word|wd|phrase|code| word|wort)|pwd|kennwort)"
# At least one digit or unusual sign, and nothing that makes it a call, a name with dots or a placeholder.
_CHOSEN_VALUE = (
    r"(?![\w.]*\()(?!\$\{|\{\{|<|%\(|\*{3})(?=[^\s\"'<>\ue000]{0,60}[0-9!@#$%^&*?~+])"
    r"[^\s\"'<>,;()\ue000]{5,128}[^\s\"'<>,;()\ue000.:]"
)
_ASSIGNED = r"[\"']?\s{0,3}(?::=|=>|[:=]|\bis\b)\s{0,3}[\"']?"


def _issued(name: str, label: str, regex: str, gate: gates.Gate, anchor: str, margin: int = 64) -> Rule:
    """A rule on a form that shows in the value itself; case matters."""
    return Rule(
        label=label,
        recognizer=PatternRecognizer(
            supported_entity=label, name=name, patterns=[Pattern(name, regex, 0.9)], global_regex_flags=re.NOFLAG
        ),
        policy="secrets",
        gate=gate,
        anchor=re.compile(anchor),
        margin=margin,
    )


def _assigned(name: str, label: str, before: str, value: str, gate: gates.Gate, names: str) -> Rule:
    r"""A rule on a value that follows `before`; only the value is taken (`\K`), not the anchor `names`."""
    return Rule(
        label=label,
        recognizer=PatternRecognizer(
            supported_entity=label,
            name=name,
            patterns=[Pattern(name, rf"(?:{before})\K(?:{value})", 0.9)],
            global_regex_flags=re.IGNORECASE,
        ),
        policy="secrets",
        gate=gate,
        anchor=re.compile(names, re.IGNORECASE),
        in_value=False,
    )


def secret_rules() -> list[Rule]:
    """All rules of this module."""
    named = rf"(?<![a-z])(?:{_KEY_NAMES}){_ASSIGNED}"
    issued = r"(?=[^\s\"'&]{0,200}\d)(?=[^\s\"'&]{0,200}[a-z])[a-z0-9_\-./+=~%]{15,2000}[a-z0-9_\-/+=~%]"
    return [
        _issued(
            "IssuedKey",
            "API_KEY",
            rf"(?<![A-Za-z0-9])(?:{'|'.join(_ISSUED_KEYS)})(?![A-Za-z0-9])",
            gates.ISSUED_KEY,
            r"A(?:KI|SI|RO|ID)A|gh[pousr]_|_pat_|gl[a-z]{2,4}-|xox|xapp|AIza|ya29|GOCSPX|[srp]k[_-]|whsec_|SG\.|npm_|pypi-|hf_|dop_|eyJ",
        ),
        _issued(
            "PrivateKeyBlock",
            "PRIVATE_KEY",
            r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY[A-Z ]{0,10}-----"
            r"(?:[^-\ue000]|-(?!----)){0,8000}(?:-----END [A-Z ]{0,60}-----)?",
            gates.PRIVATE_KEY,
            "PRIVATE KEY",
            margin=8_192,
        ),
        _assigned("AssignedKey", "API_KEY", named, issued, gates.LONG_TOKEN, "key|token|secret|sig"),
        _assigned(
            "BearerToken", "API_KEY", r"\b(?:bearer|basic|token) {1,3}", issued, gates.LONG_TOKEN, "bearer|basic|token"
        ),
        _assigned(
            "AssignedPassword",
            "PASSWORD",
            rf"(?<![a-z]){_CHOSEN_NAMES}{_ASSIGNED}",
            _CHOSEN_VALUE,
            gates.PASSWORD_NAME,
            "pass|pwd|kennwort",
        ),
        _assigned(
            "AddressPassword",
            "PASSWORD",
            r"://[^\s:/@\"'<>\ue000]{0,100}:",
            r"[^\s/@\"'<>\ue000]{1,200}(?=@)",
            gates.LOGIN_ADDRESS,
            "://",
        ),
    ]
