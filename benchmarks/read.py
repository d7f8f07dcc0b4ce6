"""Read every cell of a workbook as text with the reader that `assess` uses. This is the baseline for `assess`."""

import sys

from python_calamine import CalamineWorkbook

for row in CalamineWorkbook.from_path(sys.argv[1]).get_sheet_by_index(0).iter_rows():
    cells = [str(cell) for cell in row]
