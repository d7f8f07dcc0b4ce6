"""Which agency's score counts for a site, in words, and how many workers came through it (method, section 1).

A site takes the score of its worst assessed agency whole. The share is shown beside it and never makes it smaller: one worker who
came through a bad agency paid as much as a hundred.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from risk_models.name_normalize import name_key


def counted(answers: Mapping[str, Any], scores: Mapping[str, float]) -> str:
    """A sentence that names the agency that counts; "" where none that is named was assessed.

    ``answers``: of the site, as JSON; ``scores``: 0..100 by ``name_key`` of the agency's name, reference or licence number.
    """
    named = answers.get("agencies")
    assessed = {str(name): scores[key] for name in _list(named) if (key := name_key(str(name))) in scores}
    if not assessed:
        return ""
    worst = max(assessed, key=lambda name: (assessed[name], name))
    share = _share(worst, answers)
    told = f"The score of {worst} ({assessed[worst]:.1f}){share and f', which supplies {share},'} counts as the usual level for "
    told += "recruitment through it."
    if len(assessed) > 1:
        return f"{told} It is the worst of {len(assessed)} assessed agencies named here, and counts whole, whatever its share."
    return f"{told} It counts whole, whatever its share."


def workers_through(keys: Collection[str], answers: Mapping[str, Any]) -> float | None:
    """How many workers of a site came through an agency that goes by these ``name_key``; None where the site does not say.

    A share ("NAME: 60%") counts where the site says how many workers it has.
    """
    total, counts = answers.get("workers_total"), []
    for told in _told(keys, answers):
        if not told.endswith("%"):
            counts.append(float(told))
        elif isinstance(total, int | float):
            counts.append(total * float(told[:-1]) / 100)
    return sum(counts) if counts else None


def _share(agency: str, answers: Mapping[str, Any]) -> str:
    """How many workers an agency supplies, in words, where the site says so; else ""."""
    told, total = next(_told((name_key(agency),), answers), ""), answers.get("workers_total")
    if told.endswith("%"):
        return f"{told[:-1]} percent of the workers"
    if told and isinstance(total, int | float) and total >= float(told):
        return f"{told} of {total:,.0f} workers"
    return told and f"{told} workers"


def _told(keys: Collection[str], answers: Mapping[str, Any]) -> Iterator[str]:
    """What a site says of the workers of an agency: a number, or a share with "%"."""
    for entry in _list(answers.get("workers_by_agency")):
        name, _, told = str(entry).rpartition(": ")
        if name_key(name) in keys:
            yield told


def _list(answer: object) -> list[object]:
    return list(answer) if isinstance(answer, list | tuple) else []
