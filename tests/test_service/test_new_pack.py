"""Test that docs/add-a-pack.md works: its files and commands build a pack for agriculture in a copy of the project."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "add-a-pack.md"
COPIED = ("questionnaires", "risk_models", "reports", "service")
# A file that the page creates, or commands with the output that they must print.
STEP = re.compile(
    r"^Create `(?P<file>[^`]+)`:\n\n```toml\n(?P<content>.*?)^```$|^```(?P<language>sh|text)\n(?P<text>.*?)^```$",
    re.M | re.S,
)


def test_the_pack_of_the_page_can_be_built_checked_and_used(tmp_path: Path) -> None:
    for package in COPIED:
        shutil.copytree(ROOT / package, tmp_path / package)  # with what is compiled, which saves most of the time
    program = tmp_path / ".venv" / "bin" / "diligence"
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m service.cli "$@"\n', encoding="utf-8")
    program.chmod(0o755)

    steps = list(STEP.finditer(PAGE.read_text(encoding="utf-8")))
    assert len([step for step in steps if step["file"]]) == 2
    outputs = []
    for step in steps:
        if step["file"]:
            path = tmp_path / step["file"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step["content"], encoding="utf-8")
        elif step["language"] == "sh":
            outputs.append(run(step["text"], tmp_path))
        else:
            assert sorted(outputs[-1].splitlines()) == sorted(step["text"].splitlines())
    assert '"model":"site_agriculture"' in outputs[-1]
    assert (tmp_path / "out" / "farms" / "report.html").exists()


def run(script: str, folder: Path) -> str:
    """Run a block of commands and return what it prints. Only the check may fail, because a draft is not in RELEASED."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0 or "models check" in script, done.stdout
    return done.stdout
