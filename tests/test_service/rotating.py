"""Adds secret keys one after another until it is killed: python rotating.py FOLDER."""

import sys
from pathlib import Path

from service.settings import Settings

if __name__ == "__main__":
    while True:
        Settings(data=Path(sys.argv[1])).add_secret_key()
        sys.stdout.write("added\n")
        sys.stdout.flush()
