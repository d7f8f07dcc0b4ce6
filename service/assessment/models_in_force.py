"""List the models that are in force on a day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from risk_models.model import Model, get_model_in_force, load_models


def list_models_in_force(on: date, models: Sequence[Model] | None = None) -> list[Model]:
    """Return the newest version of every model that is in force on a day, the general site model first, then the others by
    id.

    ``models``: those to choose from, by default all.
    """
    candidates = load_models() if models is None else models
    ids = sorted({model.id for model in candidates if model.effective <= on}, key=lambda i: (i != "site_general", i))
    return [get_model_in_force(model_id, on, candidates) for model_id in ids]
