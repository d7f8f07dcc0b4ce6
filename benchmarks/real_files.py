"""Read every file of a folder and write what became of it as a table:
`python benchmarks/real_files.py FOLDER --out docs/real-files.md`.

Only numbers are written, and the codes of issues: no text of any cell. With `--expected FILE`, a JSON object of file names with
`map` (question -> header), `header_row` and `data_rows`, the columns and rows are compared with what a careful person found.
"""

import argparse
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from questionnaires import sandbox
from questionnaires.form import load_combined_form
from questionnaires.issues import UnusableSheet
from questionnaires.limits import FileRefused
from questionnaires.tables import FileTables, Table, TableOptions, read_tables
from questionnaires.text_normalize import fold_text

AS_OF = "2026-11-28"
QUESTIONS = {  # by the field of the expected map, where it is not the id of the question
    "admin1": "region",
    "external_id": "reference",
    "lat": "latitude",
    "lng": "longitude",
}
INTRODUCTION = """# Real files

This page is made by `benchmarks/real_files.py` from a folder of real files, which are not part of the project. It holds only
numbers: what was read from each file, and what was left out and why. The rows that are accepted, rejected and left
out are all rows of the sheets that are read, except for blank rows and headers.

Columns: *right* are mapped as a careful person would map them; *wrong* are mapped in another way; *asked* are not mapped, and
must be chosen. Only questions that our forms ask are counted; "-" means that nobody has mapped the file. CPU is in seconds and
covers reading, laying out and validating.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--expected", type=Path)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    expected = json.loads(arguments.expected.read_text(encoding="utf-8")) if arguments.expected else {}
    files = sorted(path for path in arguments.folder.iterdir() if path.suffix not in (".md", ".json"))
    text = "\n".join([INTRODUCTION, *describe([(path, measure(path)) for path in files], expected), ""])
    if arguments.out:
        arguments.out.write_text(text, encoding="utf-8")
    else:
        print(text)


def measure(path: Path) -> dict[str, Any]:
    """Read a file and return its counts."""
    data, before = path.read_bytes(), get_cpu_time()
    try:
        found = read_tables(data, path.name, TableOptions(AS_OF))
    except FileRefused as refused:
        return {"refused": refused.code}
    except UnusableSheet as unusable:
        return {"refused": unusable.issue.code}
    return {**count(found), "cpu": get_cpu_time() - before}


def get_cpu_time() -> float:
    """Return the CPU seconds that the sandboxed processes have used so far."""
    stats = [Path(f"/proc/{template.process.pid}/stat").read_text(encoding="ascii") for template in sandbox._idle]
    ticks = sum(
        sum(map(int, text.rpartition(")")[2].split()[13:15])) for text in stats
    )  # of the children that have ended
    return ticks / os.sysconf("SC_CLK_TCK")


def count(found: FileTables) -> dict[str, Any]:
    left_out: Counter[str] = Counter()
    issues: Counter[str] = Counter()
    for table in found.tables:
        for group in table.submission.left_out:
            left_out[group.reason] += group.count
        for issue in (*table.submission.issues, *found.issues):
            issues[issue.severity] += 1
    return {
        "tables": [describe_table(table) for table in found.tables],
        "left_out": left_out,
        "issues": issues,
    }


def describe_table(table: Table) -> dict[str, Any]:
    return {
        "header_row": table.header_row,
        "accepted": table.submission.accepted,
        "rejected": table.submission.rejected,
        "columns": {question: table.matched.headers[index] for question, index in table.matched.columns.items()},
    }


def describe(files: list[tuple[Path, dict[str, Any]]], expected: dict[str, Any]) -> list[str]:
    """Return the lines of the table."""
    lines = [
        "| File | Header row | Accepted | Rejected | Left out | Right | Wrong | Asked | Errors | Warnings | Infos | CPU |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    totals: Counter[str] = Counter()
    for path, result in files:
        if "refused" in result:
            lines.append(f"| {path.name} | {result['refused']} | | | | | | | | | | |")
            continue
        tables, left_out, issues = result["tables"], result["left_out"], result["issues"]
        compared = compare(tables[0]["columns"], expected.get(path.name, {}).get("map", {}))
        totals.update(compared)
        cells = [
            path.name,
            ", ".join(str(table["header_row"]) for table in tables),
            f"{sum(table['accepted'] for table in tables):,}",
            f"{sum(table['rejected'] for table in tables):,}",
            ", ".join(f"{number} {reason.replace('_', ' ')}" for reason, number in left_out.items()) or "0",
            *(str(compared.get(state, 0)) if compared else "-" for state in ("right", "wrong", "asked")),
            *(str(issues.get(severity, 0)) for severity in ("error", "warning", "info")),
            f"{result['cpu']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    mapped = sum(totals.values())
    if mapped:
        shares = ", ".join(f"{totals[state]} {state}" for state in ("right", "wrong", "asked"))
        lines += ["", f"Columns of all files: {shares}; {totals['right'] / mapped:.0%} are right."]
    return lines


def compare(columns: dict[str, str], expected: dict[str, str]) -> Counter[str]:
    """Count the columns that are mapped as expected, otherwise, or not at all."""
    known = {question for kind in ("site", "agency") for question in load_combined_form(kind).by_id}
    states: Counter[str] = Counter()
    for field, header in expected.items():
        question = QUESTIONS.get(field, field)
        if question not in known:
            continue
        mapped = {fold_text(text): other for other, text in columns.items()}.get(fold_text(header))
        states["right" if mapped == question else "wrong" if mapped or question in columns else "asked"] += 1
    return states


if __name__ == "__main__":
    main()
