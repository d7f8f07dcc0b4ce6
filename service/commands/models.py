"""``diligence models``: check, list, show and compare the scoring models, and test them against outcomes and other weights.

Exit status: 0 if the command succeeded; 1 if a fault was found; 2 if it failed, with one sentence that says why.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from risk_models.model import Model
    from service.assessment.assess import Batch, Block

DONE, FAULTS, CANNOT = 0, 1, 2
MAX_LISTED = 20  # level changes, suppliers and weights that are printed
STABILITY_BOUNDS = (0.95, 0.80, 0.50)  # bounds of the rows of the stability table
Command = Callable[[argparse.Namespace], int]
T = TypeVar("T")


class CommandError(Exception):
    """The command cannot be run as given: one sentence for the user."""


def add_commands(commands: Any) -> None:
    """Add these commands to a parser's commands."""
    models = commands.add_parser("models", help="check, show, compare and validate the scoring models").add_subparsers(
        required=True, metavar="check | list | show | coverage | compare | sensitivity | validate"
    )

    def add_command(name: str, command: Command, about: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = models.add_parser(name, help=about, description=about)
        parser.set_defaults(run=partial(_run, command))
        return parser

    def add_supplier_options(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("files", nargs="*", metavar="FILE", help="spreadsheets, or one assessment.json")
        parser.add_argument("--portfolio", metavar="ORGANISATION", help="use the stored suppliers of this organisation")
        parser.add_argument("--data", metavar="DIR", help="database folder (default: data)")
        parser.add_argument("--on", metavar="DATE", help="assessment date, YYYY-MM-DD (default: today)")

    add_command("check", _check_models, "check that models, forms and actions are complete and consistent")
    add_command("list", _list_models, "list the models with version, effective date and digest")
    add_command("show", _show_model, "print the indicators, weights and rules of one model").add_argument("id")
    parser = add_command(
        "coverage", _print_coverage, "show where each published indicator is covered, or why it is left out"
    )
    parser.add_argument("--out", metavar="FILE", help="write to this file instead of printing")
    parser = add_command(
        "compare", _compare_models, "assess the same suppliers under two versions and show whose level changes, and why"
    )
    parser.add_argument(
        "before", metavar="A", help="a version of all models (2026.1), or of one model (site_fishing@2026.1)"
    )
    parser.add_argument("after", metavar="B")
    add_supplier_options(parser)
    parser.add_argument("--out", metavar="FILE.json", help="write the full comparison to this file")
    parser = add_command("sensitivity", _analyse_sensitivity, "show how much levels and ranks depend on the weights")
    add_supplier_options(parser)
    parser = add_command("validate", _validate_models, "compare the country ranking with independent outcome data")
    parser.add_argument("--out", metavar="FILE", help="write to this file (docs/validation.md) instead of printing")
    parser.add_argument("--on", metavar="DATE", help="use the facts known on this date (default: the latest)")


def _run(command: Command, arguments: argparse.Namespace) -> int:
    try:
        return command(arguments)
    except CommandError as error:
        print(f"diligence: {error}", file=sys.stderr)
        return CANNOT


def _check_models(_: argparse.Namespace) -> int:
    from service.model_governance.check import list_model_faults

    faults = list_model_faults()
    for fault in faults:
        print(fault, file=sys.stderr)
    print("No problems found." if not faults else f"Problems found: {len(faults)}.")
    return FAULTS if faults else DONE


def _list_models(_: argparse.Namespace) -> int:
    from risk_models.model import load_models

    models = load_models()
    titles = {model.id: model.title for model in models}  # as worded in the newest version, which comes last
    for model in models:
        print(
            f"{model.id:<20} {model.version:<8} from {model.effective}  {len(model.indicators):>3} indicators  "
            f"sha256 {model.digest[:16]}  {titles[model.id]}"
        )
    return DONE


def _show_model(arguments: argparse.Namespace) -> int:
    from risk_models.model import load_models

    versions = [model for model in load_models() if model.id == arguments.id]
    if not versions:
        known = ", ".join(sorted({m.id for m in load_models()}))
        raise CommandError(f"there is no model '{arguments.id}'; the models are {known}.")
    model = versions[-1]
    print(f"{model.title}\n{model.id} {model.version}, in force from {model.effective}, sha256 {model.digest}\n")
    print("Inherent risk, step by step:")
    for context in model.contexts:
        facts = ", ".join(f.fact for f in context.facts)
        print(f"  adds {context.lift:.2f} of the remaining range  {context.title} ({facts})")
    print("\nWeight  Core  Indicator")
    for indicator in model.indicators:
        print(
            f"{indicator.weight:>6g}  {'yes' if indicator.core else '':<4}  {indicator.title} "
            f"[{indicator.id}; {', '.join(indicator.sources)}]"
        )
    print("\nMinimum-score rules:")
    for floor in model.floors:
        print(f"  at least {floor.minimum_score:g}: {floor.title} ({', '.join(floor.sources)})")
    return DONE


def _print_coverage(arguments: argparse.Namespace) -> int:
    from service.model_governance.coverage import build_page, list_coverage_faults

    _write_text(build_page(), arguments.out)
    faults = list_coverage_faults()
    for fault in faults:
        print(fault, file=sys.stderr)
    return FAULTS if faults else DONE


def _compare_models(arguments: argparse.Namespace) -> int:
    from risk_models.facts.facts import load_facts
    from service.model_governance.compare import compare_models, load_models_at

    on = _parse_day(arguments.on)
    batches = _load_batches(arguments, on)
    try:
        before, after = (load_models_at(version, on) for version in (arguments.before, arguments.after))
        comparison = compare_models(batches, load_facts().as_of(on), on, before, after)
    except LookupError as error:
        raise CommandError(f"{error.args[0]}.") from error
    document = {"before": arguments.before, "after": arguments.after, "on": on.isoformat(), **comparison.to_dict()}
    if arguments.out:
        _write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", arguments.out)
    print_comparison(document, "use --out for the full list")
    return DONE


def print_comparison(document: Mapping[str, Any], full_list: str) -> None:
    """Print a comparison as it is written to a file, with the first suppliers whose level changes.

    ``full_list``: where the others are.
    """
    matrix, movers = document["matrix"], document["movers"]
    total = sum(map(sum, matrix))
    changed = total - sum(row[level] for level, row in enumerate(matrix))
    names = [_get_level_title(name) for name in document["levels"]]
    width = max(map(len, names)) + 2
    print(f"Suppliers by level under {document['before']} (down) and {document['after']} (across)\n")
    print(" " * width + "".join(f"{name:>{width}}" for name in names))
    for name, row in zip(names, matrix, strict=True):
        print(f"{name:<{width}}" + "".join(f"{count or '.':>{width}}" for count in row))
    print(
        f"\nThe level changes for {changed} of {total} suppliers; for "
        f"{document['changed_score']} others, only the score changes."
    )
    if document["changed_inherent_level"]:
        print(
            "Among the suppliers with insufficient evidence, the inherent level changes for "
            f"{document['changed_inherent_level']}."
        )
    if document["scored_by_one_alone"]:
        print(f"{document['scored_by_one_alone']} suppliers are scored by only one of the two versions.")
    if any(rule["raised"] or rule["lowered"] for rule in document["rules"]):
        print(f"\n{'Effect of each rule':<44}{'raises':>8}{'lowers':>8}{'mean':>8}{'levels':>8}")
        for rule in document["rules"]:
            print(
                f"{rule['title']:<44}{rule['raised']:>8}{rule['lowered']:>8}{rule['mean_points']:>+8.1f}"
                f"{rule['level_changes']:>8}"
            )
        print(
            "(raises, lowers: suppliers; mean: average points over all suppliers; levels: level changes mainly "
            "due to the rule)\n"
        )
    titles = {rule["rule"]: rule["title"] for rule in document["rules"]}
    for change in movers[:MAX_LISTED]:
        levels = " to ".join(map(_get_level_title, change["level"]))
        before, after = change["score"]
        print(f"- {change['name'] or change['row']}: {levels}, {before:.1f} to {after:.1f}")
        for effect in change["rules"]:
            print(f"    {effect['points']:+5.1f}  {titles[effect['rule']]}. {effect['sentence']}")
        if not change["rules"]:
            print(f"    {change['by']['points']:+5.1f}  {change['by']['title']}")
    if changed > MAX_LISTED:
        print(f"- and {changed - MAX_LISTED} more ({full_list})")


def _analyse_sensitivity(arguments: argparse.Namespace) -> int:
    from risk_models.facts.facts import load_facts
    from service.assessment.assess import assess

    on = _parse_day(arguments.on)
    batches, models = _load_batches(arguments, on), _load_models(arguments, on)
    for part in assess(batches, load_facts().as_of(on), on, models):
        for block in part.blocks:
            _print_sensitivity(block)
    return DONE


def _print_sensitivity(block: Block) -> None:
    import numpy as np

    from risk_models.engine.frame import LEVEL_NAMES
    from risk_models.engine.robustness import compute_robustness
    from risk_models.sensitivity import compute_rank_ranges, compute_weight_effects

    model, scores, cells = block.model, block.scores, block.compute_cells(np.arange(len(block.members)))
    robustness = compute_robustness(block.frame, model, scores)
    ranks, effects = compute_rank_ranges(scores, cells, model), compute_weight_effects(scores, cells, model)
    print(f"{model.title} ({model.id} {model.version}): {len(robustness)} suppliers\n")
    bounds = [1.01, *STABILITY_BOUNDS, 0.0]
    print("Stability: share of alternative weightings with the same level, and number of suppliers")
    for upper, lower in zip(bounds, bounds[1:], strict=False):
        within = (robustness >= lower) & (robustness < upper)
        label = f"{lower:.0%} or more" if upper > 1 else f"{lower:.0%} to {upper:.0%}"
        print(f"  {label:<14} {int(within.sum()):>7}")
    names = block.answers.column("name")
    called = [str(names.values[code]) if code >= 0 else "(no name)" for code in names.codes.tolist()]
    print("\nLeast stable:")
    for j in np.argsort(robustness, kind="stable")[: MAX_LISTED // 2].tolist():
        level = _get_level_title(LEVEL_NAMES[scores.level[j]])
        print(f"  {robustness[j]:>4.0%}  {level:<22} {scores.total[j]:5.1f}  {called[j]}")
    print("\nHighest scores, with their range of ranks in 90% of alternative weightings:")
    for j in np.argsort(ranks.rank, kind="stable")[: MAX_LISTED // 2].tolist():
        print(f"  {ranks.rank[j]:>5}  {ranks.low[j]:>5} to {ranks.high[j]:<5}  {scores.total[j]:5.1f}  {called[j]}")
    print("\nMost influential weights: average change in score when the weight is increased by half:")
    for i in np.argsort(-effects, kind="stable")[: MAX_LISTED // 2].tolist():
        print(f"  {effects[i]:5.2f}  {model.indicators[i].title} (weight {model.indicators[i].weight:g})")
    print()


def _validate_models(arguments: argparse.Namespace) -> int:
    from questionnaires.lookups import load_countries
    from risk_models.facts.facts import load_facts
    from risk_models.model import load_models
    from risk_models.validation import render_page

    facts = load_facts()
    newest = date.fromisoformat(max(str(rows["known_from"].max()) for rows in facts.rows.values()))
    on = _parse_day(arguments.on) if arguments.on else newest
    _write_text(render_page(facts, load_models(), on, load_countries().names), arguments.out)
    return DONE


def _load_batches(arguments: argparse.Namespace, on: date) -> Sequence[Batch]:
    """Load the batches of spreadsheets, of an assessment, or of an organisation's portfolio."""
    from questionnaires.issues import UnusableSheet
    from service.imports.pipeline import Choices, NoUsableRows, parse_files
    from service.verify import InvalidAssessmentFile, build_batches, parse_document

    if bool(arguments.files) == bool(arguments.portfolio):
        raise CommandError("specify spreadsheets or one assessment.json, or use --portfolio ORGANISATION.")
    if arguments.portfolio:
        return _load_portfolio(arguments)
    try:
        files = [(Path(file).name, Path(file).read_bytes()) for file in arguments.files]
        if len(files) == 1 and files[0][0].endswith(".json"):
            return build_batches(parse_document(files[0][1])["results"])
        return parse_files(files, Choices(), on).batches
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}.") from error
    except InvalidAssessmentFile as error:
        raise CommandError(f"{files[0][0]}: {error}.") from error
    except (NoUsableRows, UnusableSheet) as error:
        raise CommandError(str(error)) from error


def _load_portfolio(arguments: argparse.Namespace) -> Sequence[Batch]:
    from service.queries.portfolio import build_batches

    batches = _read_portfolio(arguments, build_batches)
    if not batches:
        raise CommandError(f"{arguments.portfolio} has no suppliers yet.")
    return batches


def _load_models(arguments: argparse.Namespace, on: date) -> Sequence[Model] | None:
    """Return the models that the organisation of a portfolio uses; None, all in force, for spreadsheets."""
    from service.suppliers.organisation_models import list_organisation_models

    return (
        _read_portfolio(arguments, lambda session: list_organisation_models(session, on))
        if arguments.portfolio
        else None
    )


def _read_portfolio(arguments: argparse.Namespace, read: Callable[[Session], T]) -> T:
    """Return what a function reads of the organisation whose portfolio is used."""
    from sqlalchemy.exc import SQLAlchemyError

    from service.auth.accounts import find_organisation
    from service.db.session import open_database
    from service.errors import DomainError
    from service.settings import SettingError, from_environment

    try:
        overrides = {"DILIGENCE_DATA": arguments.data} if arguments.data else {}
        settings = from_environment({**os.environ, **overrides})
        with (
            open_database(settings.system_database, settings.database, settings.open_secret_keys()) as database,
            database.for_organisation(find_organisation(database, arguments.portfolio), write=False) as session,
        ):
            return read(session)
    except SQLAlchemyError as error:
        raise CommandError("the database cannot be read; run `diligence migrate` to upgrade it.") from error
    except (SettingError, DomainError) as error:
        raise CommandError(str(error)) from error


def _get_level_title(name: str) -> str:
    from reports.document import LEVEL_TITLES

    return LEVEL_TITLES[name]  # type: ignore[index]


def _parse_day(text: str | None) -> date:
    from service.clock import today

    if text is None:
        return today()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"--on requires a date as YYYY-MM-DD, not '{text}'.") from error


def _write_text(text: str, out: str | None) -> None:
    if out is None:
        print(text, end="")
        return
    try:
        Path(out).parent.mkdir(parents=True, exist_ok=True)
        Path(out).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{out} cannot be written: {error.strerror}.") from error
