"""Read a workbook as `assess` does: file checks and reader in a separate process, every cell as text."""

import sys
from pathlib import Path

from questionnaires.sheet import read_sheets

file = Path(sys.argv[1])
read_sheets(file.read_bytes(), file.name)
