"""Products that name no good we know, where the public list of goods names some for the country and sector."""

from datetime import date

from risk_models.facts.facts import load_facts
from risk_models.facts.goods import list_recognised_goods
from service.imports.pipeline import Choices, parse_files
from tests.sheets import workbook

ON = date(2026, 11, 27)
HEADER = "| Supplier | Country | Sector | Products |\n"


def list_issues(table: str) -> list[tuple]:
    parsed = parse_files([("list.xlsx", workbook(HEADER + table))], Choices(), ON)
    return [(i.cells, i.count, i.seen, i.header) for i in parsed.issues if i.code == "product.unknown"]


def test_a_product_that_no_list_knows_is_reported_by_country_and_sector_with_the_listed_goods():
    table = "| A | TH | 1020 | xq-7 |\n| B | TH | 1020 | frozen shrimp |\n| C | TH | 1020 | part 12 |\n| D | BD | 1410 | xq-7 |"
    parsed = parse_files([("list.xlsx", workbook(HEADER + table))], Choices(), ON)
    first, second = [issue for issue in parsed.issues if issue.code == "product.unknown"]
    assert (first.cells, first.count, first.seen) == (("D2", "D4"), 2, "xq-7")
    assert "shrimp" in first.expected
    assert "Thailand" in first.expected
    assert "write it as listed here" in first.describe()
    assert (second.cells, second.count) == (("D5",), 1)


def test_nothing_is_reported_where_no_good_is_listed_or_no_product_or_place_is_given():
    assert list_issues("| A | NO | 6201 | xq-7 |\n| B | TH | 1020 | |\n| C | | 1020 | xq |\n| D | TH | | xq |\n") == []
    assert list_issues("| A | TH | 1020 | declined |\n| B | TH | 1020 | HS 0306.17 |") == []


def test_the_words_that_an_issue_names_are_recognised():
    facts = load_facts().as_of(ON)
    words = list_recognised_goods(facts)
    assert len(words) > 100
    assert [word for word in words if not facts.find_goods(word)] == []


def test_an_unknown_product_in_a_returned_form_is_reported_as_a_blank():
    header = "| Supplier | Country | Sector | Products | Form and version | Form returned on |\n"
    rows = [f"| {name} | NO | 6201 | {product} | site 2026.5 | {day} |" for name, product, day in (
        ("A", "xq-7", "2026-11-20"), ("B", "software", "2026-11-20"), ("C", "xq-7", ""))]  # fmt: skip
    parsed = parse_files([("list.xlsx", workbook(header + "\n".join(rows)))], Choices(), ON)
    (issue,) = [issue for issue in parsed.issues if issue.code.startswith("product.")]
    assert (issue.code, issue.cells, issue.severity) == ("product.unrecognised", ("D2",), "warning")
    assert "counts as a blank" in issue.describe()
