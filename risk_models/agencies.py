"""Describe which agency's score counts for a site, and count the workers who came through it (method, section 1).

The score of a site's worst assessed agency counts in full. The agency's share of the workers is shown but never reduces the
score: a worker recruited through a bad agency pays as much whether there is one such worker or a hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from risk_models.name_normalize import name_key


def describe_counted_agency(answers: Mapping[str, Any], scores: Mapping[str, float]) -> str:
    """Return a sentence that names the agency whose score counts; "" if none of the agencies named has been assessed.

    ``answers``: of the site, as JSON; ``scores``: 0..100 by ``name_key`` of the agency's name, reference or licence number.
    """
    names = _to_list(answers.get("agencies"))
    assessed = {str(name): scores[key] for name in names if (key := name_key(str(name))) in scores}
    if not assessed:
        return ""
    worst = max(assessed, key=lambda name: (assessed[name], name))
    share = _describe_share(worst, answers)
    text = (
        f"The score of {worst} ({assessed[worst]:.1f}){share and f', which supplies {share},'} sets the baseline for "
    )
    text += "recruitment through it."
    if len(assessed) > 1:
        text += f" This is the highest score among the {len(assessed)} assessed agencies named here."
    return f"{text} The score counts in full, whatever share of the workers the agency supplies."


def count_workers_from_agency(keys: Collection[str], answers: Mapping[str, Any]) -> float | None:
    """Return how many workers of a site were recruited through the agency with these ``name_key``; None if the site does not say.

    A share ("NAME: 60%") counts if the site gives its number of workers.
    """
    total, counts = answers.get("workers_total"), []
    for number in _iter_worker_numbers(keys, answers):
        if not number.endswith("%"):
            counts.append(float(number))
        elif isinstance(total, int | float):
            counts.append(total * float(number[:-1]) / 100)
    return sum(counts) if counts else None


def _describe_share(agency: str, answers: Mapping[str, Any]) -> str:
    """Return in words how many workers an agency supplies; "" if the site does not say."""
    number, total = next(_iter_worker_numbers((name_key(agency),), answers), ""), answers.get("workers_total")
    if number.endswith("%"):
        return f"{number[:-1]}% of the workers"
    if number and isinstance(total, int | float) and total >= float(number):
        return f"{number} of {total:,.0f} workers"
    return number and f"{number} workers"


def _iter_worker_numbers(keys: Collection[str], answers: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a site answered about the workers of an agency: a number, or a share with "%"."""
    for entry in _to_list(answers.get("workers_by_agency")):
        name, _, number = str(entry).rpartition(": ")
        if name_key(name) in keys:
            yield number


def _to_list(answer: object) -> list[object]:
    return list(answer) if isinstance(answer, list | tuple) else []
