"""Where places contradict each other or a form says none, the reading of intake is never the safer one."""

import pytest

from questionnaires.form import load_combined_form
from questionnaires.lookups import load_countries, load_regions
from tests.test_questionnaires.tables import build_sheet, get_answers, submit
from tests.test_service.answers import ON, Answers, assess_rows
from tests.test_service.test_intake_invariants import MODELS, SECTORS, take_in

LEVELS = ("score", "worst", "inherent")


def score(*rows: Answers) -> list[dict]:
    return assess_rows(*rows, models=MODELS)


@pytest.mark.parametrize("sector", [*SECTORS.values(), "01", "26", "62"])
@pytest.mark.parametrize("region", ["Xinjiang", "Guangdong", "Beijing"])
def test_a_country_that_the_region_contradicts_never_lowers_the_risk(region: str, sector: str):
    listed = next(each for each in load_regions() if each.title == region)
    given = [
        {"name": "A", "country": country, "region": region, "sector": (sector,), "papers_retention": "worker_holds"}
        for country in load_countries().names
    ]
    read = take_in("site", *given)
    assert any(before["country"] != after["country"] for before, after in zip(given, read, strict=True))
    (in_region,) = score({**given[0], "country": listed.country})
    for row, before, after in zip(given, score(*given), score(*read), strict=True):
        for number in LEVELS:
            assert after[number] >= before[number] - 1e-9, (row["country"], number)
        if listed.counts_over(row["country"]):
            assert {number: after[number] for number in LEVELS} == {number: in_region[number] for number in LEVELS}


@pytest.mark.parametrize("day", ["in spring", "31 February", ""])
@pytest.mark.parametrize("version", ["site 2026.4", "the newest one"])
def test_a_returned_form_in_which_no_place_can_be_read_counts_as_in_the_documented_region(version: str, day: str):
    row = {
        "name": "A", "country": "China", "sector": "26", "product": "software", "workers_migrant": "0",
        "workers_total": "40", "papers_retention": "worker_holds", "form_version": version, "form_returned": day,
    }  # fmt: skip
    options = {"as_of": ON, "answered_by": None if day else "supplier"}
    results = []
    for place in ({}, {"region": "nowhere"}, {"region": "Xinjiang"}):
        cells = {**row, **place}
        read = submit(build_sheet([list(cells), list(cells.values())]), load_combined_form("site"), **options)
        assert read.returned.tolist() == [True]
        answers = {question: get_answers(read, question)[0] for question in read.answers}
        results += score({question: answer for question, answer in answers.items() if answer is not None})
    assert len({result["score"] for result in results}) == 1
    assert {result["state_imposed"]["grade"] for result in results} == {"documented"}
