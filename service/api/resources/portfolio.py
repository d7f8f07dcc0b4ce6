"""The routes of the portfolio as a whole."""

from __future__ import annotations

from service.api import overview
from service.api.route import FileTypes, Route
from service.api.schemas.suppliers import NEXT_STEPS, TABLE_FORMATS, PortfolioSchema, ProgressSchema, TableQuerySchema

ROUTES: tuple[Route, ...] = (
    Route("GET", "/portfolio", "get_portfolio", overview.get_portfolio,
          "Get an overview of the portfolio: counts, queues and changes across all suppliers.",
          PortfolioSchema()),
    Route("GET", "/portfolio/progress", "get_progress", overview.get_progress,
          "Get the portfolio's figures over the past year: levels, steps and their verification.", ProgressSchema()),
    Route("GET", "/actions", "list_actions", overview.list_next_steps,
        "List the next steps and the suppliers they apply to.",
          NEXT_STEPS),
    Route("GET", "/table", "download_table", overview.table,
          "Export the list of suppliers as a file.", FileTypes.of(*TABLE_FORMATS), transaction="own",
          query=TableQuerySchema()),
)  # fmt: skip
