"""Small workbooks of invented lists."""

from io import BytesIO

import openpyxl

TWO_TABLES = [
    ["Supplier", "Country", "Note"],
    ["Alder Nets", "Norway", "a"],
    ["Subtotal Norway", "", ""],
    [],
    ["Agency", "Country", "Firm"],
    ["Kite Placement", "Nepal", "Kite Ltd"],
    ["Linden Manpower", "Nepal", "Linden Ltd"],
]


def build_workbook(**sheets: list[list[str]]) -> bytes:
    """A workbook of these sheets; one named "Old" is hidden."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for number, row in enumerate(rows, 1):
            for column, text in enumerate(row, 1):
                sheet.cell(number, column, text or None)
        sheet.sheet_state = "hidden" if name == "Old" else "visible"
    data = BytesIO()
    book.save(data)
    return data.getvalue()
