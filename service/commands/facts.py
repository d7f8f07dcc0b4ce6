"""``diligence facts``: check the facts about countries, and show those about a country or a migration corridor.

Exit status: 0 if nothing is wrong; 1 if a fault was found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

from service.commands.files import UsageError

DONE, FAULTS = 0, 1


def add_commands(commands: Any) -> None:
    """Add the commands ``facts check`` and ``facts show``."""
    facts = commands.add_parser("facts", help="check or show the country facts").add_subparsers(
        required=True, metavar="check | show"
    )
    facts.add_parser("check", help="check that every fact has a source, a licence and a plausible value").set_defaults(
        run=_check_facts
    )
    show = facts.add_parser(
        "show", help='print the facts about a country, or about a migration corridor such as "NP>QA"'
    )
    show.add_argument("country", metavar="COUNTRY")
    show.set_defaults(run=_show_facts)


def _check_facts(arguments: argparse.Namespace) -> int:
    from service.model_governance.check import list_fact_faults

    return _print_faults(list_fact_faults())


def _print_faults(faults: Sequence[str]) -> int:
    for fault in faults:
        print(fault, file=sys.stderr)
    print("No problems found." if not faults else f"Problems found: {len(faults)}.")
    return FAULTS if faults else DONE


def _show_facts(arguments: argparse.Namespace) -> int:
    from questionnaires.lookups import load_countries
    from risk_models.facts.facts import load_facts

    codes = []
    for text in arguments.country.split(">")[:2]:
        code = load_countries().find(text.strip())
        if code is None:
            similar = load_countries().suggest(text)
            hint = f" Did you mean {' or '.join(similar)}?" if similar else ""
            raise UsageError(f"'{text}' is not a recognised country.{hint}")
        codes.append(code)
    facts = load_facts().as_of(date.today())
    print(" to ".join(f"{load_countries().names[code]} ({code})" for code in codes))
    if len(codes) == 1:
        rows = [("", f"country.{name}", fact) for name, fact in facts.list_country_facts(codes[0])]
    else:
        rows = [(f"{code:<6}", f"corridor.{name}", fact) for code, name, fact in facts.list_corridor_facts(*codes)]
    for code, name, fact in rows:
        print(
            f"  {code}{facts.get_title(name):<60} {fact.value:>10.4g}  {fact.year or '':<4}  "
            f"{facts.get_use(name):<8}  {fact.source}"
        )
    for row in facts.imposed_labour if len(codes) == 1 else ():
        if codes[0] in (row.country, row.sender):
            scope = {
                "region": row.region,
                "sector": row.sector,
                "good": row.good,
                "workers sent by": row.sender,
                "in": row.country,
            }
            described = ", ".join(
                f"{name} {value}" for name, value in scope.items() if value not in ("", "*", codes[0])
            )
            print(
                f"  State-imposed labour ({row.grade}): {described or 'anywhere'}. Source: {row.publisher}, "
                f"{row.source}"
            )
    return DONE
