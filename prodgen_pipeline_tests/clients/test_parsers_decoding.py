"""Bytes to text where no mark and no declaration says how."""

import pytest

from prodgen_pipeline.clients.parsers.decoding import decode

FRENCH = (
    "Les élèves en stage reçoivent une indemnité de 480 £ par mois, versée à la fin de chaque période. "
    "Le maître de stage vérifie les présences et signe le relevé; l'élève prévient dès que possible.\n"
) * 4
POLISH = (
    "Zażółć gęślą jaźń: pracownicy zgłaszają urlop z dwutygodniowym wyprzedzeniem, a kierownik łączy wnioski. "
    "Każdy dział prowadzi własną ewidencję godzin i przesyła ją do księgowości.\n"
) * 4


@pytest.mark.parametrize(
    ("text", "encoding"), [(FRENCH, "cp1252"), (POLISH, "cp1250"), (FRENCH.replace("£", "$"), "latin-1")]
)
def test_a_text_in_a_one_byte_encoding_is_read_as_it_was_written(text: str, encoding: str) -> None:
    assert decode(text.encode(encoding)) == text
