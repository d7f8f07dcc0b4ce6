"""The results of the search box that every page has."""

from __future__ import annotations

from flask import render_template, request

from risk_models.cases.rules import STRENGTHS
from service.auth.caller import get_caller, read_session
from service.clock import today
from service.queries import search
from service.queries.supplier_filter import clean_search_text


def show_results() -> str:
    """Show the search results for a text, grouped by kind. Cases are shown only to users who may read them."""
    caller, text = get_caller(), clean_search_text(request.args.get("q", ""))[: search.MAX_TEXT]
    results = None
    if text:
        with read_session() as session:
            results = search.search(
                session,
                text,
                today(caller.time_zone),
                own_answers_only=not caller.sees_worker_derived,
                reads_cases=caller.reads_cases,
            )
    return render_template("search.html", text=text, results=results, strengths=STRENGTHS)
