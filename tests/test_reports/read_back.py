"""Reports read back as their readers would: `pdf_text`, `html_text`, `workbook_rows`, `csv_rows`."""

import csv
import html
import io
import re

import docx
import openpyxl
from docx.text.paragraph import Paragraph
from pypdf import PdfReader


def pdf_text(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def html_text(data: bytes) -> str:
    """What a reader of the page sees, without styles and pictures."""
    page = re.sub(r"<(style|svg).*?</\1>", " ", data.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def workbook_rows(data: bytes, sheet: str = "Results") -> list[dict]:
    rows = openpyxl.load_workbook(io.BytesIO(data))[sheet].iter_rows(values_only=True)
    header = next(rows)
    return [dict(zip(header, row, strict=True)) for row in rows]


def csv_rows(data: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline="")))


def docx_text(data: bytes) -> str:
    """Return the headings, paragraphs and cells of a Word file, in reading order."""
    book = docx.Document(io.BytesIO(data))
    parts = []
    for block in book.iter_inner_content():
        if isinstance(block, Paragraph):
            parts.append(block.text)
        else:
            parts += [cell.text for row in block.rows for cell in row.cells]
    return " ".join(parts)


READERS = {"pdf": pdf_text, "html": lambda data: html.unescape(html_text(data)), "docx": docx_text}


def read_text(data: bytes, format_: str) -> str:
    """Return the text of a report of one or two pages with single blanks."""
    return re.sub(r"\s+", " ", READERS[format_](data))
