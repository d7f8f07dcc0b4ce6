"""The models that are in force on a day, the general one first."""

from __future__ import annotations

from datetime import date

from risk_models.model import Model, in_force, load_all


def in_force_on(on: date) -> list[Model]:
    """The newest version of every model that is in force on a day."""
    ids = sorted({model.id for model in load_all() if model.effective <= on}, key=lambda i: (i != "site_general", i))
    return [in_force(model_id, on) for model_id in ids]
