"""What erasing an object would do, and which backups still hold it."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictChoice, StrictInteger, StrictList, StrictNested, StrictString
from service.api.schemas.base import ApiSchema

SUPPLIERS = ("keep", "erase")


class HoldingBackupsSchema(ApiSchema):
    """The backups made with `diligence backup` that may still hold an object, oldest first. Other copies are not recorded."""

    made_at = StrictList(fields.DateTime())
    kept_days = StrictInteger(
        0, allow_none=True, metadata={"description": "For how many days backups are kept; null if that is not known."}
    )
    until = fields.DateTime(
        allow_none=True,
        metadata={"description": "When the last of them is deleted; null if that is not known or there is none."},
    )


class ErasurePreviewSchema(ApiSchema):
    """What erasing an object would do. Nothing is erased."""

    object_type = StrictChoice(("site", "agency", "case", "import"))
    id = StrictString()
    erased = fields.Dict(
        keys=fields.String(),
        values=StrictInteger(0),
        metadata={"description": "How many of each are erased for good, such as results, cases and files."},
    )
    withdrawn = fields.Dict(
        keys=fields.String(),
        values=StrictInteger(0),
        metadata={
            "description": "How many imports, reports, responses and saved filters are emptied or deleted because they may "
            "show it."
        },
    )
    kept = fields.Dict(
        keys=fields.String(),
        values=StrictInteger(0),
        metadata={"description": "How many of each are kept although they came from this import."},
    )
    backups = StrictNested(HoldingBackupsSchema)


class ImportErasureQuerySchema(ApiSchema):
    """Whether the suppliers that came only from an import are erased with it."""

    suppliers = StrictChoice(
        SUPPLIERS,
        load_default="keep",
        metadata={
            "description": "`erase`: also erase the suppliers and agencies that came only from this import (scope "
            "`suppliers:write`). Default: `keep`."
        },
    )
