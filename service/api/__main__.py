"""Print the OpenAPI document of an installation with default settings: ``python -m service.api``."""

import sys

from service.api.routes import document_bytes
from service.settings import Settings

sys.stdout.buffer.write(document_bytes(Settings()))
