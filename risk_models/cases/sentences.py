"""The sentences in which readings of case records are written, by id.

They are part of an assessment, which is recomputed word for word. The sentences below belong to the rules of 2026.1 and are never
changed. Later rules have their own sentences in the table ``sentence`` of ``rules.toml``, with the same placeholders.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

FIRST_SENTENCES: Mapping[str, str] = MappingProxyType(
    {
        "places": "; recorded in {places}",
        "memory": " From memory, to be checked against the original: {names}.",
        "nothing_found": "nothing found",
        "dimension": "Dimension {number}, {title} ({people} list): {result}.{memory}",
        "dimension_indicator": "{id} {weight}",
        "dimension_reached": "reached by {rule} with {names}{places}",
        "dimension_disputed": "reached by {rule} with {names} as published, not where the disputed weights are softer{places}",
        "dimension_open": (
            "not reached by what is recorded ({names}{places}); {unknown} of {total} indicators were not asked about"
        ),
        "dimension_not_reached": "not reached ({names}{places})",
        "stage": "Stage of {stage}: {result}.{memory}",
        "stage_reached": "involuntariness ({involuntary}) under the menace of a penalty ({penalty}){places}",
        "stage_not_reached": "not both recorded, of different findings and one of them strong ({names})",
        "act": "Act: {result}.",
        "act_recorded": "recorded: {acts}",
        "act_found": "findings of recruitment{places}",
        "act_none": "none, as recorded",
        "act_unknown": "not asked about",
        "means": "Means: {result}.",
        "means_reached": "dimension {numbers} reached",
        "means_not_reached": "no dimension that counts is reached",
        "purpose": "Purpose: {result}.",
        "purpose_reached": "dimension {number} reached",
        "purpose_found": "{findings}",
        "purpose_not_recorded": "exploitation is not recorded",
        "forced_labour": "Forced labour ({people} list): {result}",
        "forced_labour_dimensions": "Dimensions {numbers} reached.",
        "forced_labour_penalty": "A penalty was threatened or used ({names}).",
        "forced_labour_not_recorded": (
            "Neither the two limbs in one stage nor exploitation with coercion is recorded."
        ),
        "trafficking": "Trafficking, act, means and purpose: {result}. {reasons}",
        "trafficking_of_children": "Trafficking, act and purpose (means are not needed for children): {result}. {reasons}",
        "all_recorded": "all recorded",
        "not_all_recorded": "not all recorded",
        "not_all_possible": "not all there",
        "class": "Published class {best}: {best_title}.",
        "class_range": "Published class {best} by what is recorded: {best_title}. At worst {worst}: {worst_title}.",
    }
)
