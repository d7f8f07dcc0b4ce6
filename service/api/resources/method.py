"""The routes of the forms, the models and their sources."""

from __future__ import annotations

from service.api import method, questionnaire_requests
from service.api.route import FileTypes, Route
from service.api.schemas.method import MODELS, SOURCES, MethodSchema, ModelSchema
from service.api.schemas.questionnaires import FORMS, FormFileQuerySchema

ROUTES: tuple[Route, ...] = (
    Route("GET", "/forms", "list_forms", questionnaire_requests.list_forms,
        "List the forms that can be sent to suppliers.",
          FORMS),
    Route("GET", "/forms/<form_id>/template", "download_form", questionnaire_requests.blank_form,
          "Get a blank form as a workbook or PDF.", FileTypes.of("xlsx", "pdf"), transaction="own", query=FormFileQuerySchema()),
    Route("GET", "/method", "get_method", method.get_method, "Get a description of the method, the facts and the actions.",
          MethodSchema()),
    Route("GET", "/models", "list_models", method.list_models, "List the models in force today.", MODELS),
    Route("GET", "/models/<model_id>", "get_model", method.get_model, "Get a model with its weights, reasons, rules and sources.",
          ModelSchema()),
    Route("GET", "/sources", "list_sources", method.list_sources,
          "List the sources that rules, weights and actions cite.", SOURCES),
)  # fmt: skip
