"""What erasing an object would do, and which backups still hold it."""

from __future__ import annotations

from marshmallow import fields

from service.api.fields import StrictChoice, StrictInteger, StrictList, StrictNested, StrictString
from service.api.schemas.base import ApiSchema

SUPPLIERS = ("keep", "erase")


class HoldingBackupsSchema(ApiSchema):
    """The backups made with `diligence backup` that may still contain an object, oldest first. Other copies are not tracked."""

    made_at = StrictList(fields.DateTime())
    kept_days = StrictInteger(
        0, allow_none=True, metadata={"description": "The number of days for which backups are kept; null if unknown."}
    )
    until = fields.DateTime(
        allow_none=True,
        metadata={
            "description": "When the last of these backups will be deleted; null if this is unknown or there are none."
        },
    )


class ErasurePreviewSchema(ApiSchema):
    """A preview of what erasing an object would do. Nothing is erased."""

    object_type = StrictChoice(("site", "agency", "case", "import"))
    id = StrictString()
    erased = fields.Dict(
        keys=fields.String(),
        values=StrictInteger(0),
        metadata={
            "description": "The number of objects of each kind, such as results, cases and files, that would be permanently "
            "erased."
        },
    )
    withdrawn = fields.Dict(
        keys=fields.String(),
        values=StrictInteger(0),
        metadata={
            "description": "The number of imports, reports, responses and saved filters that would "
            "be emptied or deleted because they may contain the object."
        },
    )
    kept = fields.Dict(
        keys=fields.String(),
        values=StrictInteger(0),
        metadata={
            "description": "The number of objects of each kind that would be kept: those that came from this import, or open "
            "emergencies about this supplier."
        },
    )
    backups = StrictNested(HoldingBackupsSchema)


class ImportErasureQuerySchema(ApiSchema):
    """What happens to the suppliers that came only from the import to be erased."""

    suppliers = StrictChoice(
        SUPPLIERS,
        load_default="keep",
        metadata={
            "description": "`erase`: also erase the suppliers and agencies that came only from this import (scope "
            "`suppliers:write`). Default: `keep`."
        },
    )
