"""Suppliers and agencies, and views across all of them: companies, changes, the portfolio and next steps."""

from __future__ import annotations

from marshmallow import fields

from reports.document import LEVELS
from service.api.fields import ParameterInteger, StrictBoolean, StrictChoice, StrictInteger, StrictNumber, StrictString
from service.api.schemas.assessments import (
    KINDS,
    OPTIONAL,
    ContributionSchema,
    DecidedResultSchema,
    ResultLineSchema,
    issues,
    of_contract,
    withheld,
)
from service.api.schemas.base import ApiSchema, PageQuerySchema, page_of
from service.queries.progress import FIGURES
from service.queries.supplier_filter import FALLS, INHERENT_LEVELS, REVIEWS, SORTS

PLURALS = dict(zip(KINDS, ("suppliers", "agencies"), strict=True))
TABLE_FORMATS = ("csv", "xlsx")
UP_TO = "The value is this high only because of declined answers, so it is an upper bound and not a finding."
UNANSWERED = (
    "True if most of the minimum-score rules that apply were triggered only by unanswered questions and the level "
    "would be lower without them. Most of the risk has not been confirmed, but it cannot be ruled out."
)
ENDED_ON = (
    "When a user recorded that a supplier missing from a list no longer supplies "
    "you. A later list that includes the supplier clears this value."
)
EXITED_ON = "The last day of the business relationship, if an approved exit paper ends it."
FELL_ON = (
    "When the supplier's level fell without a known cause. Reset to null once the level is back where it was or falls further "
    "for a known cause, or once a closed step confirms the answers."
)
UNANSWERED_OR_NULL = f"{UNANSWERED} Null if the supplier was last assessed with an older version."


class AlsoFoundUnderSchema(ApiSchema):
    """The reference, number or name of a supplier that was merged into this one."""

    id = fields.String()
    named = fields.String()


class SupplierSchema(DecidedResultSchema):
    """A supplier or agency with its latest result."""

    optional = OPTIONAL | {"issues"}

    actions_withheld = withheld()
    id = fields.String()
    version = StrictInteger(0)
    silent = StrictBoolean(allow_none=True, metadata={"description": UNANSWERED_OR_NULL})
    assessed_at = fields.DateTime(allow_none=True)
    review_due = fields.Date(allow_none=True)
    ended_on = fields.Date(allow_none=True, metadata={"description": ENDED_ON})
    fell_on = fields.Date(allow_none=True, metadata={"description": FELL_ON})
    exited_on = fields.Date(allow_none=True, metadata={"description": EXITED_ON})
    also_found_under = fields.List(
        fields.Nested(AlsoFoundUnderSchema),
        metadata={"description": "References, numbers or names of suppliers that were merged into this one."},
    )
    issues = issues()


class SupplierLineSchema(ApiSchema):
    """A supplier or agency, as returned in a list."""

    kind = StrictChoice(KINDS)
    reference = of_contract("reference")
    name = of_contract("name")
    country = of_contract("country")
    sector = of_contract("sector")
    model = of_contract("model")
    level = of_contract("level")
    score = of_contract("score")
    best = of_contract("best")
    worst = of_contract("worst")
    inherent = of_contract("inherent")
    inherent_level = of_contract("inherent_level")
    coverage = of_contract("coverage")
    confidence = of_contract("confidence")
    up_to = of_contract("up_to")
    next_step = of_contract("next_step")
    id = fields.String()
    version = StrictInteger(0)
    silent = StrictBoolean(allow_none=True, metadata={"description": UNANSWERED_OR_NULL})
    assessed_at = fields.DateTime(allow_none=True)
    review_due = fields.Date(allow_none=True)
    ended_on = fields.Date(allow_none=True, metadata={"description": ENDED_ON})
    fell_on = fields.Date(allow_none=True, metadata={"description": FELL_ON})


SUPPLIER_PAGE = page_of(SupplierLineSchema, "SupplierPage")
RESULT_PAGE = page_of(ResultLineSchema, "ResultPage")


class MergeSchema(ApiSchema):
    """The supplier to merge into, by ID or reference."""

    into = StrictString(300, required=True)


class CompanySchema(ApiSchema):
    """A company, its number of sites, and its highest-risk site."""

    company = fields.String(attribute="company_key")
    name = fields.String()
    sites = StrictInteger(0)
    countries = fields.List(fields.String())
    worst = fields.Nested(SupplierLineSchema)


COMPANY_PAGE = page_of(CompanySchema, "CompanyPage")


class ChangeSchema(ApiSchema):
    """A change to a supplier, as listed in the change feed."""

    at = fields.DateTime()
    kind = fields.String()
    supplier_id = fields.String()
    data = fields.Dict()


class ChangePageSchema(ApiSchema):
    """A page of changes, in order, and the cursor for the next request."""

    items = fields.List(fields.Nested(ChangeSchema))
    cursor = fields.String()


class NamedAgencySchema(ApiSchema):
    """An agency named by a site, and the agency record with that name."""

    named = fields.String()
    agency = fields.Nested(SupplierLineSchema, allow_none=True)


class ReachSchema(ApiSchema):
    """The number of sites that name an agency, how many of them state the number of workers
    it supplied, and the total of those numbers."""

    sites = StrictInteger(0)
    tell = StrictInteger(0, attribute="reporting_sites")
    workers = StrictNumber()


class CorridorSchema(ApiSchema):
    """A migration corridor: where workers come from, and where they go."""

    origin = fields.String(data_key="from")
    destination = fields.String(data_key="to")


class ConnectionsSchema(ApiSchema):
    """Agencies that a site names, sites of its company, sites that use an agency, and migration corridors."""

    agencies = fields.List(fields.Nested(NamedAgencySchema))
    sites = fields.List(fields.Nested(SupplierLineSchema))
    reach = fields.Nested(ReachSchema, allow_none=True)
    corridors = fields.List(fields.Nested(CorridorSchema))


class LevelCountsSchema(ApiSchema):
    """The number of suppliers at each level."""

    critical = StrictInteger(0)
    high = StrictInteger(0)
    medium = StrictInteger(0)
    low = StrictInteger(0)
    insufficient_evidence = StrictInteger(0)


class KindCountsSchema(ApiSchema):
    """The number of sites and agencies."""

    site = StrictInteger(0)
    agency = StrictInteger(0)


class PlaceSchema(ApiSchema):
    """The risk of a country."""

    country = fields.String(allow_none=True)
    value = StrictNumber()
    level = StrictChoice(LEVELS)
    known = StrictChoice(("practice", "inherent"))
    results = StrictInteger(0)
    up_to = StrictBoolean(metadata={"description": UP_TO})
    silent = StrictBoolean(metadata={"description": UNANSWERED})


class CellSchema(PlaceSchema):
    """The risk of a sector in a country."""

    sector = fields.String(allow_none=True)


class MoverSchema(ApiSchema):
    """A supplier whose level changed, and why."""

    supplier = fields.Nested(SupplierLineSchema)
    before = fields.String(data_key="from", allow_none=True)
    after = fields.String(data_key="to")
    at = fields.DateTime()
    cause = fields.String()
    without_known_cause = StrictBoolean(
        attribute="is_unexplained", metadata={"description": "Whether the level fell without a known cause."}
    )
    moves = fields.List(fields.Nested(ContributionSchema))


class PortfolioSchema(ApiSchema):
    """An overview of the portfolio: counts, queues, risk by country and sector, and level changes."""

    counts = fields.Nested(LevelCountsSchema)
    kinds = fields.Nested(KindCountsSchema)
    median_confidence = StrictNumber(allow_none=True)
    thin = StrictInteger(0)
    insufficient_evidence = fields.List(fields.Nested(SupplierLineSchema))
    worst = fields.List(fields.Nested(SupplierLineSchema))
    review_due = fields.List(fields.Nested(SupplierLineSchema))
    overdue = StrictInteger(0)
    heat_map = fields.List(fields.Nested(CellSchema))
    places = fields.List(fields.Nested(PlaceSchema))
    movers = fields.List(fields.Nested(MoverSchema))


class SeriesSchema(ApiSchema):
    """The values of a figure on each day; null where it is unknown, or withheld because it describes

    fewer than ten workers. ``part`` is what the figure covers: a level, a currency, or the Bali

    Process priority or stage of steps; empty if it covers everything.
    """

    figure = StrictChoice(FIGURES)
    part = fields.String()
    values = fields.List(StrictNumber(allow_none=True))


class ProgressSchema(ApiSchema):
    """Figures of the portfolio over the past year."""

    days = fields.List(fields.Date())
    series = fields.List(fields.Nested(SeriesSchema))


class NextStepSchema(ApiSchema):
    """An action, the number of suppliers that need it, and those at highest risk."""

    action = fields.Dict()
    total = StrictInteger(0)
    suppliers = fields.List(fields.Nested(SupplierLineSchema))


NEXT_STEPS = page_of(NextStepSchema, "NextStepList")


class SupplierFilterSchema(ApiSchema):
    """A filter for suppliers."""

    level = StrictChoice(LEVELS)
    inherent_level = StrictChoice(INHERENT_LEVELS)
    country = StrictString(7, "^([A-Z]{2}|unknown)$")
    sector = StrictString(7, "^([A-U]|[0-9]{2,4}|unknown)$")
    text = StrictString()
    review = StrictChoice(REVIEWS)
    fell = StrictChoice(
        FALLS, metadata={"description": "`unexplained` selects suppliers whose level fell without a known cause."}
    )
    step = StrictString(60, "^[a-z0-9_]+$")
    imported = StrictString(36, "^[0-9a-f-]+$")


class SupplierQuerySchema(SupplierFilterSchema, PageQuerySchema):
    """The parameters for listing suppliers or agencies."""

    company = StrictString(300)


class TableFilterSchema(SupplierFilterSchema):
    """A filter for the list of suppliers, and the order of the list."""

    kind = StrictChoice(KINDS)
    sort = StrictChoice(SORTS)


class TableQuerySchema(TableFilterSchema):
    """The parameters for exporting the list of suppliers."""

    format = StrictChoice(TABLE_FORMATS, load_default="csv")


class ChangeQuerySchema(ApiSchema):
    """The position to start from, and how many changes to return."""

    since = StrictString(18, "^[0-9]+$")
    limit = ParameterInteger(1, 1000, load_default=100)
