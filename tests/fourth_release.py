"""The models of 2026.4 in force before their release, for tests of the service that assess by them."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from risk_models import model
from service.suppliers import merge_rules


@contextmanager
def fourth_release_in_force() -> Iterator[None]:
    """Bring the models 2026.4 into force on the day of those of 2026.3, and restore the previous state at the end."""
    fourth = {each: each.effective for each in model.load_models() if each.version == "2026.4"}
    third = {each.id: each.effective for each in model.load_models() if each.version == "2026.3"}
    try:
        _set_effective({each: third[each.id] for each in fourth})
        yield
    finally:
        _set_effective(fourth)


def _set_effective(days: dict[model.Model, date]) -> None:
    for each, day in days.items():
        object.__setattr__(each, "effective", day)
    model._list_models_in_force.cache_clear()
    merge_rules.get_risk_lookup.cache_clear()
