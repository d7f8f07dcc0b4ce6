"""The API under ``/api/v1``. ``resources/`` lists its routes by resource. It can do everything that the pages can, through the
same use cases.
"""

from service.api.routes import register

__all__ = ["register"]
