"""Read every cell of a workbook as text, as `assess` does: with file checks, and with the reader in a separate process."""

import sys
from pathlib import Path

from questionnaires.sheet import read_sheets

file = Path(sys.argv[1])
read_sheets(file.read_bytes(), file.name)
