"""The API: ``/api/v1``. Routes are one flat list (``routes.py``); everything a page does it does, by the same use cases."""

from service.api.routes import register

__all__ = ["register"]
