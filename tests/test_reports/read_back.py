"""Reports read back as their readers would: `pdf_text`, `html_text`, `workbook_rows`, `csv_rows`."""

import csv
import io
import re

import openpyxl
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
