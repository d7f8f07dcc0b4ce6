"""Lines are broken where their script allows it."""

from datetime import date

from reports.typesetting import typeset
from tests.test_reports.read_back import pdf_text

BREAK = "\u200b"
ADDRESS = "someone@a-very-long-name-of-a-company.example"
KHMER = "ការជ្រើសរើសពលករដោយមិនយកថ្លៃសេវាពីកម្មករ"  # blanks are rare in Khmer, and vowels are signs around a letter


def print_text(text: str) -> str:
    """Return a text as a printed form contains it."""
    about = {"title": "Form", "language": "km", "direction": "ltr", "footer": "form", "supplier": ""}
    content = {**about, "introduction": [{"heading": "About", "text": text}], "sections": []}
    return pdf_text(typeset("questionnaire.typ", content, date(2026, 11, 28)))


def test_a_long_address_can_be_broken_but_never_a_letter_from_its_signs() -> None:
    assert ADDRESS in print_text(ADDRESS).replace(BREAK, "")
    assert BREAK in print_text(ADDRESS)
    assert BREAK not in print_text(KHMER)
