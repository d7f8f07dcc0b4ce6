"""Imports, reports, and the jobs that process them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import fields, validate

from questionnaires.languages import ENGLISH
from reports.document import LEVELS
from reports.formats import ALL_FORMATS, FULL_REPORT
from reports.formats import KINDS as REPORT_KINDS
from service.api.fields import (
    CODES,
    PRINTED_OR_EMPTY,
    InstallationLimit,
    StrictBoolean,
    StrictChoice,
    StrictDict,
    StrictInteger,
    StrictList,
    StrictNested,
    StrictNumber,
    StrictString,
)
from service.api.schemas.assessments import KINDS
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.api.schemas.editions import EditionSchema
from service.api.schemas.suppliers import LevelCountsSchema
from service.reporting.report_jobs import AUDIENCES, REPORT_LANGUAGES

STATES = ("waiting", "needs_layout", "previewed", "running", "done", "refused", "failed", "cancelled")
# Why a supplier stays: it was edited, merged, asked, is in a case or has a decided match, or its history was erased.
KEPT_REASONS = ("edited", "merged", "questionnaire", "case", "match", "remediation", "history")
ORIGINS = ("detected", "remembered", "chosen")
JOB_STATES = ("queued", "running", "done", "failed", "cancelled")
CHOICES: Mapping[str, tuple[str, ...]] = {
    "kind": (*KINDS, "buyer", "case"),
    "date_order": ("dmy", "mdy"),
    "answered_by": ("supplier", "buyer"),
    "evidence_confirmed": ("true", "false"),
    "confirm": ("true", "false"),
}
COLUMNS = (
    "applies to every sheet with that header. To map individual sheets, send an array with one object per sheet. "
    "Each object names a file and a sheet (omit either to match any) and maps the columns in the same way."
)
PREVIOUS = (
    "The ID of the import that contains the previous list, or `none` if there is no previous list. By default, this is the "
    "import that has the most suppliers in common with the list, provided that it has at least half of them."
)
_NAME = {"type": "string", "maxLength": 1000, "pattern": PRINTED_OR_EMPTY.regex.pattern}
COLUMN_MAP = {"type": "object", "additionalProperties": _NAME}
SHEET_COLUMNS = {
    "type": "object",
    "properties": {"file": _NAME, "sheet": _NAME, "columns": COLUMN_MAP},
    "required": ["columns"],
    "additionalProperties": False,
}


class ColumnsField(fields.Field[Any]):
    """The column map, for all sheets or for each sheet; the use case checks the question IDs."""

    default_error_messages = CODES

    def __init__(self) -> None:
        of_sheets = {"type": "array", "minItems": 1, "items": SHEET_COLUMNS}
        super().__init__(metadata={"description": COLUMNS, "oneOf": [COLUMN_MAP, of_sheets]})


class JobSchema(ApiSchema):
    """A background job."""

    id = fields.String()
    kind = fields.String()
    state = StrictChoice(JOB_STATES)
    progress = StrictNumber()
    message = fields.String()
    created_at = fields.DateTime()
    finished_at = fields.DateTime(allow_none=True)


JOB_PAGE = page_of(JobSchema, "JobPage")


class JobProgressSchema(ApiSchema):
    """The progress of an import job."""

    state = StrictChoice(JOB_STATES)
    progress = StrictNumber()
    message = fields.String()


class ColumnMappingSchema(ApiSchema):
    """How the columns of a sheet were mapped, remembered for the next file with the same headers."""

    id = fields.String()
    kind = fields.String()
    headers = fields.List(
        fields.String(),
        metadata={"description": "The headers of the sheet, except those of columns with personal data."},
    )
    columns = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        metadata={
            "description": 'For each question ID, the header of the column that answers it, or `""` if none does.'
        },
    )
    confirmed_by = fields.String()
    confirmed_at = fields.DateTime()


COLUMN_MAPPINGS = page_of(ColumnMappingSchema, "ColumnMappingList")


class UsedMappingSchema(ApiSchema):
    """A remembered mapping that was applied to a sheet of an import, and the columns that were read with it."""

    file = fields.String()
    sheet = fields.String()
    mapping_id = fields.String()
    confirmed_by = fields.String()
    confirmed_at = fields.String(metadata={"format": "date-time"})
    columns = fields.Dict(keys=fields.String(), values=fields.String())


class ImportLineSchema(ApiSchema):
    """An import, as returned in a list."""

    id = fields.String()
    state = StrictChoice(STATES)
    choices = fields.Dict()
    rows = StrictInteger(0)
    accepted = StrictInteger(0)
    rejected = StrictInteger(0)
    created_at = fields.DateTime()
    finished_at = fields.DateTime(allow_none=True)


IMPORT_PAGE = page_of(ImportLineSchema, "ImportPage")


class KeptSupplierSchema(ApiSchema):
    """A supplier that was kept in full or in part when its import was undone, with the reason and the questions
    answered since.
    """

    supplier_id = fields.String()
    kind = StrictChoice(KINDS)
    reason = StrictChoice(KEPT_REASONS)
    questions = fields.List(fields.String())


class UndoSchema(ApiSchema):
    """What happened to the suppliers in an import that was undone. Of the suppliers that were kept, at most 1,000 are listed."""

    state = StrictChoice(("running", "done"))
    requested_at = fields.String()
    finished_at = fields.String(allow_none=True)
    removed = StrictInteger(0)
    restored = StrictInteger(0)
    kept_total = StrictInteger(0)
    kept = fields.List(fields.Nested(KeptSupplierSchema))


class IssueGroupSchema(ApiSchema):
    """The issues of one kind: their number, and the number of cells affected."""

    code = fields.String()
    severity = StrictChoice(("error", "warning", "info"))
    title = fields.String()
    issues = StrictInteger(0)
    cells = StrictInteger(0)


class ImportSchema(ImportLineSchema):
    """The progress of an import, the issues found in its files, and the outcome."""

    files = fields.List(fields.Dict())
    job = fields.Nested(JobProgressSchema, allow_none=True)
    counts = fields.Nested(LevelCountsSchema, allow_none=True)
    issues = fields.List(fields.Dict())
    issues_total = StrictInteger(0)
    issue_groups = fields.List(
        fields.Nested(IssueGroupSchema),
        metadata={"description": "All issues by kind, those that prevent a row from being scored first."},
    )
    left_out = fields.List(
        fields.Dict(),
        metadata={
            "description": "Rows that are not, or may not be, suppliers: their number and ranges, by sheet and reason. Together "
            "with the accepted and rejected rows, they account for every row that is neither blank nor a "
            "header."
        },
    )
    remembered = fields.List(
        fields.Nested(UsedMappingSchema),
        metadata={"description": "The remembered column mappings that were used; see `GET /column-mappings`."},
    )
    edition = fields.Nested(
        EditionSchema,
        allow_none=True,
        metadata={"description": "How the list differs from the previous one; see `GET /imports/{id}/edition`."},
    )
    undo = fields.Nested(UndoSchema, allow_none=True)
    undo_until = fields.DateTime(
        allow_none=True,
        metadata={"description": "The time until which the import can be undone; null if it cannot be undone."},
    )
    problem = fields.Dict(
        allow_none=True,
        metadata={
            "description": "Problem details that explain why the import was refused, or why changed options could not be used."
        },
    )


class ImportQuerySchema(PageQuerySchema):
    """The parameters for listing imports."""

    state = StrictChoice(STATES)


class MarkedFileQuerySchema(ApiSchema):
    """The parameters for downloading a file of an import with the problems marked in it."""

    file = StrictString(
        255, metadata={"description": "The name of the file. Required if the import has several files."}
    )


class LayoutRowSchema(ApiSchema):
    """A row of a sheet as it appears in the file. Text that looks like personal data is masked."""

    row = StrictInteger(1)
    cells = fields.List(fields.String())


class LayoutColumnSchema(ApiSchema):
    """A column of a sheet: its number (from 0), its header, the question it answers, the certainty of this mapping,
    and sample values.
    """

    column = StrictInteger(0)
    header = fields.String()
    question = fields.String(allow_none=True)
    samples = fields.List(fields.String())
    confidence = fields.String(
        allow_none=True, metadata={"description": "`sure`, `likely`, or `ask` if the column needs a decision."}
    )
    proposed = fields.String(
        allow_none=True,
        metadata={
            "description": "The question that the column may answer, if its certainty is `ask`. The column is not read."
        },
    )
    origin = StrictChoice(
        ORIGINS,
        metadata={"description": "Whether the question was detected, remembered from an earlier file, or chosen."},
    )


class RowExcerptSchema(ApiSchema):
    """A row number and the beginning of the row's text. Text that looks like personal data is masked."""

    row = StrictInteger(1)
    text = fields.String()


class LeftOutRowsSchema(ApiSchema):
    """Rows that are not read, as the first and last row of each range, and the reason."""

    reason = fields.String()
    rows = fields.List(fields.List(fields.Integer()))
    count = StrictInteger(0)
    can_be_read = fields.Boolean(metadata={"description": "Whether these rows may be included in `read_rows`."})
    examples = fields.List(fields.Nested(RowExcerptSchema))


class LayoutTableSchema(ApiSchema):
    """A table in a sheet: its header rows and its columns. `direction` is `across` if each column is a supplier."""

    table = StrictInteger(0)
    kinds = fields.List(fields.String())
    direction = StrictChoice(("down", "across"))
    header_rows = fields.List(fields.Integer())
    rows = StrictInteger(0)
    columns = fields.List(fields.Nested(LayoutColumnSchema))


class CellCorrectionSchema(ApiSchema):
    """The text of cells that answer a question, as quoted in issues, and the text that is read instead."""

    question = fields.String()
    seen = fields.String()
    text = fields.String()


class LikelyEncodingSchema(ApiSchema):
    """A character encoding that a text file may be in."""

    encoding = fields.String()
    name = fields.String(metadata={"description": "The name that spreadsheet programs use for the encoding."})
    words = fields.List(
        fields.String(),
        metadata={"description": "Up to two words from the file, as spelled in it; never words about a person."},
    )


class SheetLayoutSchema(ApiSchema):
    """A sheet of an import: whether it is read, the values that apply to all its rows, and its columns."""

    file = fields.String()
    sheet = fields.String()
    read = fields.Boolean()
    visible = fields.Boolean()
    kind = fields.String(allow_none=True)
    country = fields.String(allow_none=True)
    sector = fields.String(allow_none=True)
    encoding = fields.String(
        allow_none=True,
        metadata={"description": "The character encoding of a text file; null if it has to be chosen first."},
    )
    encodings = fields.List(
        fields.Nested(LikelyEncodingSchema),
        metadata={
            "description": "The encodings that a text file may be in, if there are several; one has to be chosen."
        },
    )
    header_rows = fields.List(fields.Integer())
    rows = StrictInteger(0)
    first_rows = fields.List(fields.Nested(LayoutRowSchema))
    columns = fields.List(
        fields.Nested(LayoutColumnSchema), metadata={"description": "The columns of the first table."}
    )
    tables = fields.List(fields.Nested(LayoutTableSchema))
    left_out = fields.List(fields.Nested(LeftOutRowsSchema))
    read_rows = fields.List(
        fields.List(fields.Integer()),
        metadata={"description": "The ranges of rows that are read because a request asked for them."},
    )
    corrections = fields.List(fields.Nested(CellCorrectionSchema))


class LayoutSchema(ApiSchema):
    """How the files of an import were read, for each sheet."""

    import_id = fields.String()
    state = StrictChoice(STATES)
    problem = fields.Dict(allow_none=True)
    sheets = fields.List(fields.Nested(SheetLayoutSchema))


_QUESTION_BY_COLUMN: dict[str, Any] = {
    "keys": fields.String(validate=validate.Regexp("^[0-9]{1,4}$", error="field.value")),
    "values": StrictString(100, shortest=0),
    "metadata": {
        "description": 'For each column number, the ID of the question that the column answers, or `""` for none.'
    },
}


class TableChangeSchema(ApiSchema):
    """Changes to a table in a sheet."""

    table = StrictInteger(0, required=True)
    header_rows = StrictList(
        StrictInteger(0),
        metadata={
            "description": "The first and last header rows; 0 and 0 if the sheet has no headers.",
            "minItems": 2,
            "maxItems": 2,
        },
    )
    columns = StrictDict(**_QUESTION_BY_COLUMN)


class NewCellCorrectionSchema(ApiSchema):
    """A correction: the text of cells that answer a question, as quoted in issues, and the text to read instead."""

    question = StrictString(100, required=True)
    seen = StrictString(200, required=True)
    text = StrictString(200, required=True)


class SheetChangeSchema(ApiSchema):
    """Changes to a sheet.

    Fields that you omit are not changed; an empty `kind`, `country` or `sector` means that it is detected. `encoding` is one of
    the `encodings` of the sheet.
    """

    file = StrictString(255, required=True)
    sheet = StrictString(255, shortest=0, required=True)
    read = StrictBoolean()
    kind = StrictString(10, "^(site|agency|buyer)?$", shortest=0)
    country = StrictString(2, "^([A-Z]{2})?$", shortest=0)
    sector = StrictString(200, shortest=0)
    encoding = StrictString(20)
    header_row = StrictInteger(1, metadata={"description": "The header row of the first table."})
    columns = StrictDict(**_QUESTION_BY_COLUMN)
    tables = StrictList(StrictNested(TableChangeSchema))
    left_out = StrictList(StrictInteger(1), metadata={"description": "All rows to leave out."})
    read_rows = StrictList(
        StrictInteger(1), metadata={"description": "All rows to read that would otherwise be left out."}
    )
    corrections = StrictList(
        StrictNested(NewCellCorrectionSchema),
        metadata={"description": "All corrections to the texts of cells in the sheet."},
    )


class LayoutChangeSchema(ApiSchema):
    """Changes to the layout of an import."""

    sheets = StrictList(StrictNested(SheetChangeSchema), required=True, metadata={"minItems": 1})


class ImportConfirmationSchema(ApiSchema):
    """Options for reading the files of an import."""

    default_country = StrictString()
    default_sector = StrictString()
    sheet = StrictString()
    on = StrictString()
    kind = StrictChoice(CHOICES["kind"])
    date_order = StrictChoice(CHOICES["date_order"])
    answered_by = StrictChoice(CHOICES["answered_by"])
    columns = ColumnsField()
    previous = StrictString(36, metadata={"description": PREVIOUS})


class UploadSchema(ApiSchema):
    """The files to upload, and options for reading them. Empty parts are treated as omitted."""

    file = fields.List(
        fields.String(metadata={"format": "binary"}),
        required=True,
        metadata={"minItems": 1, "maxItems": InstallationLimit("upload_files")},
    )
    kind = fields.String(metadata={"enum": list(CHOICES["kind"])})
    default_country = fields.String()
    default_sector = fields.String()
    sheet = fields.String()
    date_order = fields.String(metadata={"enum": list(CHOICES["date_order"])})
    answered_by = fields.String(
        metadata={
            "enum": list(CHOICES["answered_by"]),
            "description": "Who filled in the files: `supplier` (returned questionnaires) or "
            "`buyer` (your own list). Detected for each sheet by default.",
        }
    )
    evidence_confirmed = fields.String(
        metadata={
            "enum": list(CHOICES["evidence_confirmed"]),
            "description": "`true`: you have checked the evidence in the files and confirm it (scope `evidence:confirm`). The "
            "evidence in returned questionnaires is never confirmed this way.",
        }
    )
    columns = fields.String(metadata={"description": f"As JSON. {COLUMNS}"})
    on = fields.String()
    previous = fields.String(metadata={"description": PREVIOUS})
    confirm = fields.String(metadata={"enum": list(CHOICES["confirm"])})


UPLOAD = UploadSchema()
# The types that questionnaires/file_checks/preflight.py recognises by their bytes: xlsx, xls, ods, csv, tsv, txt.
SPREADSHEETS = (
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.ms-excel",
    "application/vnd.oasis.opendocument.spreadsheet",
    "text/csv",
    "text/tab-separated-values",
    "text/plain",
    "application/json",
)


class ReportSchema(ApiSchema):
    """A requested report and its progress."""

    id = fields.String(dump_only=True)
    state = StrictChoice(JOB_STATES, dump_only=True)
    progress = StrictNumber(dump_only=True)
    message = fields.String(dump_only=True)
    document = StrictChoice(REPORT_KINDS, load_default=FULL_REPORT)
    format = StrictChoice(ALL_FORMATS, required=True)
    language = StrictChoice(REPORT_LANGUAGES, load_default=ENGLISH)
    audience = StrictChoice(AUDIENCES, load_default="internal")
    supplier_id = StrictString(36, allow_none=True)
    results = StrictInteger(0, dump_only=True, allow_none=True)
    size = StrictInteger(0, dump_only=True, allow_none=True)
    created_at = fields.DateTime(dump_only=True)
    finished_at = fields.DateTime(dump_only=True, allow_none=True)
    kind = StrictChoice(KINDS, load_only=True)
    level = StrictChoice(LEVELS, load_only=True)
    country = StrictString(2, "^[A-Z]{2}$", load_only=True)
    sector = StrictString(4, "^([A-U]|[0-9]{2,4})$", load_only=True)
    text = StrictString(load_only=True)


REPORT_PAGE = page_of(ReportSchema, "ReportPage")
