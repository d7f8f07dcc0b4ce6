"""List the models that are in force on a day."""

from __future__ import annotations

from datetime import date

from risk_models.model import Model, get_model_in_force, load_models


def list_models_in_force(on: date) -> list[Model]:
    """Return the newest version of every model that is in force on a day, the general site model first, then the others by
    id.
    """
    ids = sorted({model.id for model in load_models() if model.effective <= on}, key=lambda i: (i != "site_general", i))
    return [get_model_in_force(model_id, on) for model_id in ids]
