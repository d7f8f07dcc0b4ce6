"""List the models that are in force on a day, and find the release of the action library that they use."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from risk_models.action_library import find_newest_release
from risk_models.action_releases import find_texts_release
from risk_models.model import Model, get_model_in_force, load_models


def list_models_in_force(on: date, models: Sequence[Model] | None = None) -> list[Model]:
    """Return the newest version of every model that is in force on a day, the general site model first, then the others by
    id.

    ``models``: those to choose from, by default all.
    """
    candidates = load_models() if models is None else models
    ids = sorted({model.id for model in candidates if model.effective <= on}, key=lambda i: (i != "site_general", i))
    return [get_model_in_force(model_id, on, candidates) for model_id in ids]


def find_library_release(on: date, used: Iterable[Model] = ()) -> str:
    """Return the release of the action library that an assessment is written with: the newest one named by a model that it used.

    Without suppliers (case records or the buyer's own practices alone) it is that of the models in force on its day.
    """
    return find_texts_release(find_newest_release(list(used) or list_models_in_force(on)))
