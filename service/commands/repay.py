"""``diligence repay``: calculate the recruitment fees owed back to cohorts of workers, as a workbook and as JSON.

Exit status: 0 if all rows are in the figures; 1 if some are not, while the rest were calculated and written; 2 if nothing could
be used and nothing was written, with one sentence that says why.
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
MAX_LISTED = 10  # issues that are printed one by one


def add_commands(commands: Any) -> None:
    """Add this command to a parser's commands."""
    about = "calculate what workers are owed for recruitment fees and related costs"
    parser: argparse.ArgumentParser = commands.add_parser("repay", help=about, description=about)
    parser.add_argument(
        "file",
        metavar="COHORTS.xlsx",
        help="a workbook made with `diligence template repayment`, or a table with the same columns",
    )
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for repayment.xlsx and repayment.json")
    parser.add_argument("--rates", metavar="FILE", help="CSV of exchange rates: date,currency,per_usd")
    parser.add_argument("--currency", default="USD", metavar="ISO", help="currency of the report (default: USD)")
    parser.add_argument("--on", metavar="DATE", help="calculation date, YYYY-MM-DD (default: today)")
    parser.add_argument("--interest", metavar="PCT", help="simple interest, per cent a year (default: 0)")
    parser.add_argument("--instalments", metavar="N", help="number of monthly instalments (default: 1, a lump sum)")
    parser.add_argument(
        "--first-payment", metavar="DATE", help="date of the first payment (default: the date given with --on)"
    )
    parser.add_argument(
        "--discovered",
        metavar="DATE",
        help="date on which the fees were discovered; the deadline runs from this date (default: the date given with --on)",
    )
    parser.add_argument("--past-since", metavar="DATE", help="exclude former workers who left before this date")
    parser.add_argument(
        "--zero-fee-from", metavar="DATE", help="date of a zero-fee policy, for cohorts that do not state one"
    )
    parser.add_argument(
        "--management-figure",
        metavar="AMOUNT",
        help="management's own figure, used as a minimum but never as the estimate",
    )
    parser.add_argument("--sheet", metavar="NAME", help="read only this sheet")
    parser.add_argument("--date-order", choices=("dmy", "mdy"), help="how to read dates such as 03/04/2025")
    parser.set_defaults(run=_repay)


def _repay(arguments: argparse.Namespace) -> int:
    from risk_models.repayment.calculation import TermsError
    from risk_models.repayment.exchange import RatesFileError
    from service.remediation.cohort_sheet import NoUsableCohorts

    try:
        document = _calculate(arguments)
        _write(Path(arguments.out), document)
    except (RatesFileError, TermsError, NoUsableCohorts, UsageError) as error:
        print(f"diligence: {error}", file=sys.stderr)
        return NOTHING
    total, currency = document["total"], document["currency"]
    sentences = [
        f"{', '.join(filter(None, (fault['place'], fault['cohort'])))}: {fault['text']}" for fault in document["faults"]
    ]
    sentences += [issue["text"] for issue in document["input"]["issues"] if issue["severity"] == "error"]
    for sentence in sentences[:MAX_LISTED]:
        print(f"- {sentence}", file=sys.stderr)
    if len(sentences) > MAX_LISTED:
        print(f"- and {len(sentences) - MAX_LISTED} more, all in repayment.xlsx", file=sys.stderr)
    workers = document["workers"]["current"] + document["workers"]["past"]
    debts = document["to_cancel"]["central"]
    cancelled = f" Debts to cancel: {currency} {_format_amount(debts)}." if float(debts) else ""
    print(
        f"{len(document['cohorts'])} cohorts, {workers} workers: {currency} {_format_amount(total['central'])} owed "
        f"({_format_amount(total['low'])} to {_format_amount(total['high'])})"
        f"{'' if document['complete'] else ', incomplete'}.{cancelled} "
        f"Deadline: {document['terms']['deadline']}. Written to {arguments.out}."
    )
    return COMPLETE if document["complete"] else PARTIAL


def _calculate(arguments: argparse.Namespace) -> dict[str, Any]:
    from risk_models.repayment.exchange import Rates, parse_rates_file
    from service.remediation.cohort_sheet import read_cohorts
    from service.remediation.fee_repayment import TERMS, calculate_document, parse_currency, parse_terms

    currency = parse_currency(arguments.currency)
    rates = parse_rates_file(read_bytes(Path(arguments.rates)), currency) if arguments.rates else Rates(currency)
    texts = {name: getattr(arguments, name) for name in TERMS}
    terms = parse_terms({name: text for name, text in texts.items() if text is not None}, rates, date.today())
    data, name = read_bytes(Path(arguments.file)), Path(arguments.file).name
    sheet = read_cohorts(data, name, terms.on, arguments.sheet, arguments.date_order)
    return calculate_document(sheet.rows, terms, sheet)


def _write(out: Path, document: dict[str, Any]) -> None:
    import orjson

    from reports.repayment import render

    with write_folder(out) as folder:
        (folder / "repayment.json").write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2))
        (folder / "repayment.xlsx").write_bytes(render(document))


def _format_amount(amount: str) -> str:
    return f"{Decimal(amount):,.2f}"
