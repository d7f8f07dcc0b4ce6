"""The routes of assessments and calculations of repayments."""

from __future__ import annotations

from service.api import overview, repayment, suppliers
from service.api.route import Route
from service.api.schemas.assessments import AssessmentSchema, ScoreChangeSchema
from service.api.schemas.repayment import RepaymentRequestSchema, RepaymentSchema

ROUTES: tuple[Route, ...] = (
    Route("POST", "/assessments", "assess", suppliers.assess,
          "Get an onboarding decision: assess one supplier without saving anything.", AssessmentSchema(), body="Gate"),
    Route("POST", "/repayments", "calculate_repayment", repayment.work_out,
          "Calculate what cohorts of workers are owed for recruitment fees. Nothing is saved.", RepaymentSchema(),
          body=RepaymentRequestSchema()),
    Route("GET", "/assessments/<result_id>", "get_assessment", suppliers.get_result,
          "Get a result and the reasons for it, as of its assessment date.",
          AssessmentSchema()),
    Route("GET", "/assessments/<result_id>/moves", "get_score_changes", overview.get_moves,
          "Explain how the score has changed since the previous assessment.", ScoreChangeSchema()),
)  # fmt: skip
