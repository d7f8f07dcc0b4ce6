"""The reading that `assess` does: door, gate and reader in a process of their own, every cell as text."""

import sys
from pathlib import Path

from questionnaires.sheet import read_sheets

file = Path(sys.argv[1])
read_sheets(file.read_bytes(), file.name)
