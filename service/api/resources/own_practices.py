"""The routes of the buyer's own purchasing practices."""

from __future__ import annotations

from service.api import own_practices
from service.api.route import Route
from service.api.schemas.base import PageQuerySchema
from service.api.schemas.own_practices import UNIT_RESPONSE_PAGE, OwnPracticesSchema

ROUTES: tuple[Route, ...] = (
    Route("GET", "/buyer", "get_own_practices", own_practices.get_own_practices,
          "Get your own units' answers about their purchasing practices, and the findings.", OwnPracticesSchema()),
    Route("PUT", "/buyer", "put_own_practices", own_practices.put,
          "Save answers from the unit named in the body. The unit's earlier answers remain in the history.",
          OwnPracticesSchema(), transaction="write", body="BuyerAnswers", reading="suppliers:read"),
    Route("GET", "/buyer/answers", "list_own_practice_answers", own_practices.history,
          "List answers from your own units, newest first.",
          UNIT_RESPONSE_PAGE, query=PageQuerySchema()),
    Route("DELETE", "/buyer/answers/<answers_id>", "erase_business_unit", own_practices.erase,
          "Erase the unit that gave these answers, and all its other answers.", None, (204,), "write"),
)  # fmt: skip
