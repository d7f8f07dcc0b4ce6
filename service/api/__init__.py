"""The API under ``/api/v1``. All its routes are listed in ``routes.py``. It can do everything that the pages can, through the
same use cases.
"""

from service.api.routes import register

__all__ = ["register"]
