"""Run a straightforward pipeline with which the real one is compared: `python benchmarks/first_cut.py IN.xlsx OUT 2026-09-01`.

It is built as a developer might build a first version: pandas on openpyxl, a marshmallow schema for each row, `DataFrame.apply`
for the scores and a styled openpyxl report. It uses the same form, models and facts as Diligence, and the library computes the
contexts of all places in one step. The pipeline scores the answers of each supplier separately, according to the table in
docs/method.md, for the states that occur in a buyer's sheet: answered, expired and not asked. It does not write reasons, a plan
or a JSON document, so it avoids most of the work.
"""

import json
import sys
from datetime import date
from math import isnan
from pathlib import Path

import pandas as pd
from marshmallow import EXCLUDE, Schema
from openpyxl import Workbook
from openpyxl.styles import Alignment, Font, PatternFill

from questionnaires.form import load_combined_form
from questionnaires.validation.contradictions import load_contradictions
from risk_models.answers import from_rows
from risk_models.facts.facts import load_facts
from risk_models.facts.inherent import compute_inherent_risk
from risk_models.model import Floor, Model, select_models

FILLS = {"critical": "B3261E", "high": "E8710A", "medium": "F4C542", "low": "7CB342", "insufficient_evidence": "B0BEC5"}
ORDER = ("low", "medium", "high", "critical")


def read_answers(path: Path) -> pd.DataFrame:
    """Return one column per question, with None for missing answers."""
    form = load_combined_form("site")
    sheet = pd.read_excel(path, engine="openpyxl", dtype=str, keep_default_na=False)
    titles = {question.title: question.id for question in form.questions}
    sheet = sheet.rename(columns=titles)
    schema = Schema.from_dict({name: form.by_id[name].build_field(required=False) for name in sheet.columns})(
        unknown=EXCLUDE
    )
    rows = []
    for row in sheet.to_dict("records"):
        answers = schema.load({name: cell for name, cell in row.items() if cell})
        if {"workers_total", "workers_migrant"} <= answers.keys():  # calculate the share of migrant workers
            answers["migrant_pct"] = round(100 * answers["workers_migrant"] / answers["workers_total"], 1)
        for contradiction in load_contradictions():  # a denial counts as unknown if another answer contradicts it
            if any(answers.get(question) in choices for question, choices in contradiction.contradicted_by.items()):
                answers = {
                    q: a for q, a in answers.items() if q != contradiction.question or a not in contradiction.denials
                }
        rows.append(answers)
    return pd.DataFrame(rows, columns=[*sheet.columns, "migrant_pct"], dtype=object)


def is_given(answer: object) -> bool:
    """Return whether a value is an answer."""
    return answer is not None and not (isinstance(answer, float) and isnan(answer))


def is_reached(floor: Floor, risks: dict[str, float]) -> bool:
    """Return whether a minimum-score rule applies, given the risk of each indicator."""
    reached_signals = (any(risks[name] >= floor.min_risk for name in signal) for signal in floor.signals)
    return sum(reached_signals) >= floor.min_signals


def get_level_position(points: float, model: Model) -> int:
    """Return the position in ORDER of the level for a number of points."""
    return max(ORDER.index(level) if round(points, 6) >= bound else 0 for level, bound in model.levels.items())


def count_months(dated: str | None, on: date) -> float:
    """Return the number of months from an ISO date to a given day, or 0 if there is no date."""
    return 0.0 if dated is None else (on - date.fromisoformat(dated)).days / 30.4375


def compute_belief(grade: str, months: float, model: Model) -> float:
    """Return q for a piece of evidence: its full value for half its shelf life, then falling to 0."""
    full, shelf_life = model.credibility[grade].q, model.credibility[grade].months
    return 0.0 if months < 0 else min(full, max(0.0, full * (shelf_life - months) / (shelf_life / 2)))


def weigh_evidence(row: pd.Series, model: Model, on: date, audit_counts: bool) -> tuple[float, bool]:
    """Return how much weight the answers in a row carry, and whether all evidence for them has expired."""
    grade, dated = (row.get(name) if is_given(row.get(name)) else None for name in ("evidence_grade", "evidence_date"))
    declared_on = next((row[name] for name in ("evidence_date", "answered_on") if is_given(row.get(name))), None)
    pieces = [("self_declared", count_months(declared_on, on))]
    if grade in model.credibility and dated is not None:
        pieces.append((grade, count_months(dated, on)))
    counted = [(name, months) for name, months in pieces if name != "audit" or audit_counts]
    q = max(compute_belief(name, months, model) for name, months in counted)
    return q, all(months >= model.credibility[name].months for name, months in pieces)


def score_row(row: pd.Series, model: Model, contexts: dict, on: date) -> pd.Series:
    """Return the level and score of one supplier."""
    c, high = contexts["context"][row.name], contexts["context_high"][row.name]
    risks = [i.rule.risk(row[i.question]) if is_given(row.get(i.question)) else None for i in model.indicators]
    risks = [r if is_given(r) else None for r in risks]  # an older model has no risk for choices that were added later
    harm = {i.id for i, r in zip(model.indicators, risks, strict=True) if r is not None and r >= 0.5}
    q, expired = weigh_evidence(row, model, on, model.audit_counts and not harm & set(model.audit_void_when))
    screened_out = set()
    for screening in model.screening_questions:
        if (
            row.get(screening.question) in screening.none_answers
            and not expired
            and not harm & set(screening.indicators)
        ):
            screened_out |= set(screening.indicators)
    base = contributions = worst = coverage = 0.0
    core_settled = True
    risk_by_indicator: dict[str, float] = {}
    worst_risks: dict[str, float] = {}
    for i, (indicator, r) in enumerate(zip(model.indicators, risks, strict=True)):
        share = indicator.weight / model.total_weight
        ruled_out = any(row.get(question) in values for question, values in indicator.ruled_out_by.items())
        settled = (r is not None and (r >= 0.5 or not expired)) or indicator.id in screened_out
        if r is None:
            e, top = c[i], 1.0
        elif r >= 0.5 or expired:
            e, top = max(r, c[i]), 1.0
        else:
            e = c[i] - q * (c[i] - r) if r < c[i] else r
            top = 1 - q * (1 - max(r, high[i]))
        if indicator.id in screened_out:
            e, top = min(e, c[i] - q * c[i]), min(top, 1 - q * (1 - high[i]))
        if ruled_out:
            e = top = 0.0
        base += 100 * share * c[i]
        contributions += 100 * share * (e - c[i])
        worst += 100 * share * max(top, e)
        coverage += share if settled and not ruled_out else 0
        core_settled &= settled or ruled_out or not indicator.core
        risk_by_indicator[indicator.id] = 0.0 if ruled_out or indicator.id in screened_out else r or 0.0
        unknown = not settled and not ruled_out
        worst_risks[indicator.id] = 1.0 if indicator.id in harm or unknown else risk_by_indicator[indicator.id]
        if ruled_out:
            harm.discard(indicator.id)
    total = base + contributions
    for floor in model.floors:
        if floor.signals and is_reached(floor, risk_by_indicator):
            total = max(total, floor.minimum_score)
        if floor.signals and is_reached(floor, worst_risks):
            worst = max(worst, floor.minimum_score)
        if floor.declined_core and not core_settled:
            worst = max(worst, floor.minimum_score)
    worst = max(worst, total)
    level, inherent = get_level_position(total, model), get_level_position(base, model)
    if level == 0 and not (round(worst, 6) < 75 and core_settled):
        level = 1
    if level == 3 and not harm and inherent < 3:
        level = 2
    if round(coverage, 12) < model.insufficient_below or not contexts["place_known"][row.name]:
        name = ORDER[max(level, inherent)] if harm else "insufficient_evidence"
    else:
        name = ORDER[level]
    return pd.Series({"level": name, "score": total})


def assess(answers: pd.DataFrame, on: date) -> pd.DataFrame:
    """Return the answers with the level and score of every supplier, using the model for its sector."""
    facts = load_facts().as_of(on)
    model_ids = answers["sector"].map(
        lambda sector: select_models("site", sector if is_given(sector) else (), on)[0].id
    )
    parts = []
    for _, group in answers.groupby(model_ids):
        sector = group["sector"].iloc[0]
        model = select_models("site", sector if is_given(sector) else (), on)[0]
        rows = group.reset_index(names="position")
        row_answers = [{name: v for name, v in row.items() if is_given(v)} for row in rows.to_dict("records")]
        inherent = compute_inherent_risk(from_rows(row_answers), model, facts, {})
        contexts = {
            "context": inherent.context[inherent.context_row].T.tolist(),
            "context_high": inherent.context_high[inherent.context_row].T.tolist(),
            "place_known": inherent.place_known.tolist(),
        }
        scored = rows.apply(score_row, axis=1, args=(model, contexts, on))
        scored.index = rows["position"]
        parts.append(scored)
    return pd.concat([answers, pd.concat(parts).sort_index()], axis=1)


def write_report(results: pd.DataFrame, path: Path) -> None:
    """Write a workbook with one styled row for each supplier."""
    book = Workbook()
    sheet = book.active
    columns = "reference name name_local country sector level score workers_total city answered_on".split()
    sheet.append(columns)
    for cell in sheet[1]:
        cell.font, cell.fill = Font(bold=True, color="FFFFFF"), PatternFill("solid", fgColor="1F3A4D")
    for row in results[columns].itertuples(index=False):
        sheet.append([", ".join(cell) if isinstance(cell, tuple) else cell if is_given(cell) else None for cell in row])
        level = sheet.cell(sheet.max_row, 6)
        level.fill, level.alignment = PatternFill("solid", fgColor=FILLS[level.value]), Alignment(horizontal="center")
        sheet.cell(sheet.max_row, 7).number_format = "0.0"
    sheet.freeze_panes, sheet.auto_filter.ref = "A2", sheet.dimensions
    for column in "ABCDEFGHIJ":
        sheet.column_dimensions[column].width = 22
    book.save(path)


def main() -> None:
    """Assess the given workbook, and write a report and the results."""
    file, out, on = Path(sys.argv[1]), Path(sys.argv[2]), date.fromisoformat(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    results = assess(read_answers(file), on)
    write_report(results, out / "report.xlsx")
    summaries = results[["reference", "level", "score"]].to_dict("records")
    (out / "results.json").write_text(json.dumps(summaries), encoding="utf-8")


if __name__ == "__main__":
    main()
