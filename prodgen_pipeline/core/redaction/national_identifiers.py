"""The rules for numbers that states give to persons: identity, tax and insurance numbers, passports, licences, plates.

Belongs here: country by country, which Presidio recogniser runs when and which words near a value support it. Does not:
numbers of patients (`catalogue`, policy `phi`). How rows are chosen is told in `catalogue`.
"""

import re

from presidio_analyzer import Pattern

from prodgen_pipeline.core.redaction.gates import (
    DIGITS_IN_GROUPS,
    FIVE_DIGITS,
    GERMAN_PLATE,
    LETTERS_AND_DIGITS,
    SIX_DIGITS,
)
from prodgen_pipeline.core.redaction.recognizers import ChecksumRecognizer
from prodgen_pipeline.core.redaction.rules import NUMBER_IN_ANY_FORM, Rule, pattern_rule, presidio_rule

_LICENCE_WORDS = (
    r"driv(?:er'?s?|ing) (?:licen[cs]e|permit|id)|licen[cs]e (?:number|no|#|id)|dl (?:number|no|#)|dvla|cdl"
)
_TAX_WORDS = (
    r"tax(?:payer)?(?: file| reference| identification)? (?:number|no|id)|tin|tfn|steuer(?:nummer|-?id(?:nr)?)|itin"
)
_PLATE_WORDS = (
    r"(?:number|licen[cs]e|vehicle) plate|vehicle registration|registration (?:number|plate|no)|plate(?: number)?|vrn"
    r"|kennzeichen"
)


def north_american_rules() -> list[Rule]:
    """Identifiers of the United States and Canada."""
    return [
        presidio_rule("UsSsnRecognizer", "US_SSN", r"\d{3}[- .]?\d{2}[- .]?\d{4}", "social security|ssns?|ss#|social"),
        # Presidio rejects numbers never issued, such as 123-45-6789; beside the words they are still somebody's typing.
        pattern_rule(
            "US_SSN",
            r"\b\d{3}([- .])\d{2}\1\d{4}\b",
            0.5,
            r"\d{3}[- .]\d{2}[- .]\d{4}",
            "social security|ssns?|ss#|social",
        ),
        presidio_rule(
            "UsItinRecognizer", "US_ITIN", r"9\d{2}[- ]?\d{2}[- ]?\d{4}", _TAX_WORDS, certain=r"9\d\d-\d\d-\d{4}"
        ),
        presidio_rule("UsPassportRecognizer", "US_PASSPORT", r"\d{8}", "passport", certain=""),
        presidio_rule(
            "UsLicenseRecognizer", "US_DRIVER_LICENSE", r"\d{5}", _LICENCE_WORDS, gate=FIVE_DIGITS, certain=""
        ),
        pattern_rule(
            "US_DRIVER_LICENSE",
            r"(?<![\w-])(?:[A-Z]{1,2}[ -]?)?\d{2,4}(?:-\d{2,6}){1,3}(?![\w-])",
            0.4,
            r"\d",
            _LICENCE_WORDS,
            reach=40,
        ),
        presidio_rule(
            "CaSinRecognizer",
            "CA_SIN",
            r"\d{3}[- ]?\d{3}[- ]?\d{3}",
            "sin|social insurance|assurance sociale",
            certain="",
        ),
    ]


def british_and_irish_rules() -> list[Rule]:
    """Identifiers of the United Kingdom."""
    return [
        presidio_rule(
            "NhsRecognizer", "UK_NHS", r"\d{3}[- ]?\d{3}[- ]?\d{4}", "nhs|national health|health service", certain=""
        ),
        presidio_rule(
            "UkNinoRecognizer",
            "UK_NINO",
            r"[A-Za-z]{2} ?\d\d ?\d\d ?\d\d ?[A-Da-d]",
            "national insurance|nino|ni number",
        ),
        presidio_rule("UkPassportRecognizer", "UK_PASSPORT", r"[A-Za-z]{2}\d{7}", "passport", certain=""),
        presidio_rule(
            "UkDrivingLicenceRecognizer",
            "UK_DRIVING_LICENCE",
            r"[A-Za-z9]{5}\d{6}",
            _LICENCE_WORDS,
            gate=LETTERS_AND_DIGITS,
        ),
        presidio_rule(
            "UkVehicleRegistrationRecognizer",
            "UK_VEHICLE_REGISTRATION",
            r"[A-Za-z]\d|\d[- ]?[A-Za-z]|[A-Za-z][- ]\d",
            _PLATE_WORDS,
            gate=LETTERS_AND_DIGITS,
            certain="",
        ),
    ]


def european_rules() -> list[Rule]:
    """Identifiers of the countries of the European continent and Turkey."""
    passport = r"pass(?:port|nummer)?|reisepass|pasaporte|passaporto"
    return [
        presidio_rule("EsNifRecognizer", "ES_NIF", r"\d{7}-?[A-Za-z]", "dni|nif"),
        presidio_rule("EsNieRecognizer", "ES_NIE", r"\d{7}-?[A-Za-z]", "nie"),
        presidio_rule("EsPassportRecognizer", "ES_PASSPORT", r"[A-Za-z]{3}\d{6}", passport, certain=""),
        presidio_rule(
            "ItFiscalCodeRecognizer", "IT_FISCAL_CODE", r"[A-Za-z]{6}[\dA-Za-z]{10}", gate=LETTERS_AND_DIGITS
        ),
        presidio_rule(
            "ItDriverLicenseRecognizer",
            "IT_DRIVER_LICENSE",
            r"[A-Za-z]{2}\d{7}|[Uu]1",
            f"patente|{_LICENCE_WORDS}",
            certain="",
        ),
        presidio_rule("ItVatCodeRecognizer", "IT_VAT_CODE", r"\d(?:[ _]?\d){10}", "partita iva|p\\.? ?iva", certain=""),
        presidio_rule("ItPassportRecognizer", "IT_PASSPORT", r"[A-Za-z]{2}\d{7}", passport, certain=""),
        presidio_rule(
            "ItIdentityCardRecognizer", "IT_IDENTITY_CARD", r"\d{5}", "carta d'identità|identity card|cie", certain=""
        ),
        presidio_rule(
            "PlPeselRecognizer",
            "PL_PESEL",
            r"\d{11}",
            "pesel",
            patterns=((r"(?<!\w)[0-9]{2}([02468][1-9]|[13579][012])(0[1-9]|1[0-9]|2[0-9]|3[01])[0-9]{5}(?!\w)", 0.4),),
        ),
        *_german_rules(passport),
        *_northern_rules(),
        presidio_rule("TrNationalIdRecognizer", "TR_NATIONAL_ID", r"\d{11}", "kimlik|tckn|national id"),
        pattern_rule(
            "FR_NIR",
            r"(?<!\w)[12] ?\d\d ?(?:0[1-9]|1[0-2]) ?\d[\dABab] ?\d{3} ?\d{3} ?\d\d(?!\w)",
            0.5,
            r"\d",
            "nir|sécurité sociale|numéro de sécu|social security",
        ),
    ]


def _german_rules(passport: str) -> list[Rule]:
    return [
        presidio_rule(
            "DeTaxIdRecognizer", "DE_TAX_ID", r"\d{11}", _TAX_WORDS + "|idnr|identifikationsnummer", certain=""
        ),
        presidio_rule(
            "DeIdCardRecognizer",
            "DE_ID_CARD",
            r"\d",
            "(?:personal)?ausweis(?:nummer)?|id card|identity card",
            certain="",
            gate=LETTERS_AND_DIGITS,
        ),
        presidio_rule("DePassportRecognizer", "DE_PASSPORT", r"\d", passport, certain="", gate=LETTERS_AND_DIGITS),
        presidio_rule(
            "DeSocialSecurityRecognizer",
            "DE_SOCIAL_SECURITY",
            r"\d{8}[A-Za-z]\d{3}",
            "sozialversicherungsnummer|rentenversicherung(?:snummer)?",
        ),
        # In capitals: the recogniser reads `up to 200` as a plate, and laboratories plate cells.
        presidio_rule("DeKfzRecognizer", "DE_KFZ", r"[A-ZÄÖÜ][- ]?\d", _PLATE_WORDS, certain="", gate=GERMAN_PLATE),
    ]


def _northern_rules() -> list[Rule]:
    return [
        presidio_rule(
            "FiPersonalIdentityCodeRecognizer",
            "FI_PERSONAL_IDENTITY_CODE",
            r"\d{6}[-+A-Za-z]\d{3}",
            "hetu|henkilötunnus",
        ),
        presidio_rule(
            "SePersonnummerRecognizer",
            "SE_PERSONNUMMER",
            r"\d{6}[-+]?\d{4}",
            "personnummer|personal identity number",
            certain=r"\d{6,8}[-+]\d{4}",
        ),
    ]


def other_national_rules() -> list[Rule]:
    """Identifiers of Asia, Africa, Australia and South America."""
    cpf = ChecksumRecognizer(
        "BR_CPF",
        [Pattern("CPF", r"(?<![\w.])\d{3}\.\d{3}\.\d{3}-\d\d(?!\w)", 0.5)],
        (tuple(range(10, 1, -1)), tuple(range(11, 1, -1))),
    )
    return [
        presidio_rule("SgFinRecognizer", "SG_NRIC_FIN", r"[A-Za-z]\d{7}[A-Za-z]", "fin|nric"),
        presidio_rule(
            "AuAbnRecognizer",
            "AU_ABN",
            r"\d{2}\s?\d{3}\s?\d{3}\s?\d{3}",
            "abn|australian business number",
            certain=r"\d\d \d{3} \d{3} \d{3}",
        ),
        presidio_rule("AuTfnRecognizer", "AU_TFN", r"\d{3}\s?\d{3}\s?\d{3}", _TAX_WORDS, certain=""),
        presidio_rule("AuMedicareRecognizer", "AU_MEDICARE", r"\d{4}\s?\d{5}\s?\d", "medicare", certain=""),
        *_indian_rules(),
        presidio_rule(
            "KrRrnRecognizer", "KR_RRN", r"\d{6}-?\d{7}", "rrn|resident registration", certain=r"\d{6}-\d{7}"
        ),
        presidio_rule("KrPassportRecognizer", "KR_PASSPORT", r"\d{3}", "passport", gate=LETTERS_AND_DIGITS, certain=""),
        presidio_rule("ThTninRecognizer", "TH_TNIN", r"\d{13}", "thai|national id|tnin", certain=""),
        presidio_rule("PhUmidRecognizer", "PH_UMID", r"\d{4}-?\d{7}-?\d", "umid|crn", certain=r"\d{4}-\d{7}-\d"),
        presidio_rule("PhTinRecognizer", "PH_TIN", r"\d{3}-?\d{3}-?\d{3}", _TAX_WORDS, certain=""),
        presidio_rule("PhPassportRecognizer", "PH_PASSPORT", r"[A-Za-z]\d{7}", "passport", certain=""),
        presidio_rule("NgNinRecognizer", "NG_NIN", r"\d{11}", "nin|national identi(?:ty|fication)", certain=""),
        presidio_rule(
            "ZaIdNumberRecognizer", "ZA_ID_NUMBER", r"\d{13}", "id(?:entity)?(?: number)?|rsa id", certain=r"\d{13}"
        ),
        presidio_rule("ZaPassportRecognizer", "ZA_PASSPORT", r"[A-Za-z]\d{8}", "passport", certain=""),
        Rule(
            label="BR_CPF",
            recognizer=cpf,
            policy="pii",
            gate=SIX_DIGITS,
            anchor=re.compile(r"\d{3}\.\d{3}\.\d{3}-\d\d"),
        ),
    ]


def documents_of_any_country() -> list[Rule]:
    """Numbers beside the words for a passport, an identity card or a licence, whatever form the country gives them."""
    number = NUMBER_IN_ANY_FORM
    passport = r"passport(?: number| no\.?)?|passeport|reisepass|pasaporte|passaporto|paspoort|passaporte"
    identity = (
        r"(?:national|personal|citizen) (?:id(?:entity|entification)?|registration)(?: card)?(?: number| no\.?)?"
        r"|identity card|id card|id number|bsn|cnp|oib|emšo|jmbg|curp|rodné číslo|personnummer|cpr|isikukood|"
        r"asmens kodas"
    )
    return [
        pattern_rule(
            "PASSPORT_NUMBER",
            number,
            0.2,
            r"\d[A-Z -]{0,3}\d",
            passport,
            gate=DIGITS_IN_GROUPS,
            reach=30,
            supported=0.55,
        ),
        pattern_rule(
            "NATIONAL_ID", number, 0.2, r"\d[A-Z -]{0,3}\d", identity, gate=DIGITS_IN_GROUPS, reach=30, supported=0.55
        ),
        pattern_rule(
            "DRIVER_LICENSE",
            number,
            0.2,
            r"\d[A-Z -]{0,3}\d",
            _LICENCE_WORDS,
            gate=DIGITS_IN_GROUPS,
            reach=30,
            supported=0.55,
        ),
    ]


def national_identifier_rules() -> list[Rule]:
    """All rules of this module."""
    return [
        *documents_of_any_country(),
        *north_american_rules(),
        *british_and_irish_rules(),
        *european_rules(),
        *other_national_rules(),
    ]


def _indian_rules() -> list[Rule]:
    return [
        presidio_rule(
            "InPanRecognizer",
            "IN_PAN",
            r"[A-Za-z]{5}\d{4}[A-Za-z]",
            "pan|permanent account number",
            gate=LETTERS_AND_DIGITS,
            patterns=((r"\b([A-Z]{3}[ABCFGHJLPT][A-Z][0-9]{4}[A-Z])\b", 0.5), (r"\b([A-Z]{5}[0-9]{4}[A-Z])\b", 0.1)),
        ),
        presidio_rule(
            "InAadhaarRecognizer",
            "IN_AADHAAR",
            r"\d{4}[- :]?\d{4}[- :]?\d{4}",
            "aadhaar|aadhar|uidai",
            certain=r"\d{4}([- ])\d{4}\1\d{4}",
        ),
        presidio_rule("InPassportRecognizer", "IN_PASSPORT", r"[A-Za-z]\d\d ?\d{5}", "passport", certain=""),
        presidio_rule("InVoterRecognizer", "IN_VOTER", r"[A-Za-z]{3}\d{7}", "voter(?: id)?|epic", certain=""),
        presidio_rule(
            "InVehicleRegistrationRecognizer",
            "IN_VEHICLE_REGISTRATION",
            r"\d{4}",
            _PLATE_WORDS,
            gate=LETTERS_AND_DIGITS,
            certain="",
        ),
    ]
