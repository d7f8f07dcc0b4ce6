"""``diligence repay``: what cohorts of workers are owed back for recruitment fees, as a workbook and as JSON.

Exit status: 0 everything that was sent is in the figures; 1 some of it is not, the rest is calculated and written; 2 nothing
could be used and nothing was written: one sentence says why.
"""

from __future__ import annotations

import argparse
import sys
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from service.commands.files import UsageError, read_bytes, write_folder

COMPLETE, PARTIAL, NOTHING = 0, 1, 2
MAX_LISTED = 10  # faults that are told one by one


def add_commands(commands: Any) -> None:
    """Puts this command on a parser's list of commands."""
    about = "work out what workers are owed back for recruitment fees and related costs"
    parser: argparse.ArgumentParser = commands.add_parser("repay", help=about, description=about)
    parser.add_argument("file", metavar="COHORTS.xlsx", help="made from `diligence template repayment`, or alike")
    parser.add_argument(
        "--out", required=True, metavar="DIR", help="folder to write repayment.xlsx and repayment.json to"
    )
    parser.add_argument("--rates", metavar="FILE", help="CSV of exchange rates: date,currency,per_usd")
    parser.add_argument("--currency", default="USD", metavar="ISO", help="currency of the report (USD)")
    parser.add_argument("--on", metavar="DATE", help="day of the calculation (YYYY-MM-DD); today unless told")
    parser.add_argument("--interest", metavar="PCT", help="simple interest, per cent a year (0)")
    parser.add_argument("--instalments", metavar="N", help="monthly instalments (1, a lump sum)")
    parser.add_argument("--first-payment", metavar="DATE", help="day of the first payment (that of --on)")
    parser.add_argument(
        "--discovered", metavar="DATE", help="day the fees were found, from which the deadline runs (--on)"
    )
    parser.add_argument("--past-since", metavar="DATE", help="leave out past workers who left before this day")
    parser.add_argument("--zero-fee-from", metavar="DATE", help="day of a zero-fee policy, for cohorts that tell none")
    parser.add_argument(
        "--management-figure", metavar="AMOUNT", help="management's own figure: a floor, never an estimate"
    )
    parser.add_argument("--sheet", metavar="NAME", help="read this sheet")
    parser.add_argument("--date-order", choices=("dmy", "mdy"), help="how dates like 03/04/2025 are meant")
    parser.set_defaults(run=_repay)


def _repay(arguments: argparse.Namespace) -> int:
    from risk_models.repayment.calculation import TermsError
    from risk_models.repayment.exchange import RatesFileError
    from service.remediation.cohort_sheet import NoUsableCohorts

    try:
        told = _calculate(arguments)
        _write(Path(arguments.out), told)
    except (RatesFileError, TermsError, NoUsableCohorts, UsageError) as said:
        print(f"diligence: {said}", file=sys.stderr)
        return NOTHING
    total, currency = told["total"], told["currency"]
    sentences = [
        f"{', '.join(filter(None, (fault['place'], fault['cohort'])))}: {fault['text']}" for fault in told["faults"]
    ]
    sentences += [issue["text"] for issue in told["input"]["issues"] if issue["severity"] == "error"]
    for sentence in sentences[:MAX_LISTED]:
        print(f"- {sentence}", file=sys.stderr)
    if len(sentences) > MAX_LISTED:
        print(f"- and {len(sentences) - MAX_LISTED} more, all in repayment.xlsx", file=sys.stderr)
    workers = told["workers"]["current"] + told["workers"]["past"]
    debts = told["to_cancel"]["central"]
    cancelled = f" Debts of {currency} {_format_amount(debts)} are to be cancelled." if float(debts) else ""
    print(
        f"{len(told['cohorts'])} cohorts, {workers} workers: {currency} {_format_amount(total['central'])} are owed "
        f"({_format_amount(total['low'])} to {_format_amount(total['high'])}){'' if told['complete'] else ', not complete'}.{cancelled} "
        f"Deadline {told['terms']['deadline']}. Written to {arguments.out}."
    )
    return COMPLETE if told["complete"] else PARTIAL


def _calculate(arguments: argparse.Namespace) -> dict[str, Any]:
    from risk_models.repayment.exchange import Rates, parse_rates_file
    from service.remediation.cohort_sheet import read_cohorts
    from service.remediation.fee_repayment import TERMS, calculate_document, parse_currency, parse_terms

    currency = parse_currency(arguments.currency)
    rates = parse_rates_file(read_bytes(Path(arguments.rates)), currency) if arguments.rates else Rates(currency)
    said = {name: getattr(arguments, name) for name in TERMS}
    terms = parse_terms({name: text for name, text in said.items() if text is not None}, rates, date.today())
    data, name = read_bytes(Path(arguments.file)), Path(arguments.file).name
    sent = read_cohorts(data, name, terms.on, arguments.sheet, arguments.date_order)
    return calculate_document(sent.rows, terms, sent)


def _write(out: Path, told: dict[str, Any]) -> None:
    import orjson

    from reports.repayment import render

    with write_folder(out) as folder:
        (folder / "repayment.json").write_bytes(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        (folder / "repayment.xlsx").write_bytes(render(told))


def _format_amount(amount: str) -> str:
    return f"{Decimal(amount):,.2f}"
