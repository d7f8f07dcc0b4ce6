"""Where a supplier is: regions named as countries, names that countries share, and places that contradict the country."""

import pytest

from questionnaires.form import load_combined_form
from questionnaires.languages import list_languages
from questionnaires.lookups import load_countries, load_regions
from questionnaires.places import find_regions
from risk_models.facts.facts import load_facts
from risk_models.facts.state_imposed import build_region_index
from tests.test_questionnaires.tables import build_sheet, get_answers, get_issue_codes, submit

FORM = load_combined_form("site")


def read(**row: str):
    """Read a sheet of one row."""
    row = {"name": "Blue Pier Mill", **row}
    return submit(build_sheet([list(row), list(row.values())]), FORM)


@pytest.mark.parametrize("cell", ["Xinjiang", "XUAR", "Xinjiang, China", "Xinjiang Uyghur Autonomous Region", "新疆"])
def test_a_region_given_as_the_country_is_read_as_its_country_and_region(cell: str):
    submission = read(country=cell)
    assert (get_answers(submission, "country"), get_answers(submission, "region")) == (["CN"], ["Xinjiang"])
    (issue,) = submission.issues
    assert (issue.code, issue.cell, issue.severity) == ("country.is_region", "B2", "warning")
    assert "region of China" in issue.describe()


@pytest.mark.parametrize(
    ("region", "expected"), [("Guangdong", "Xinjiang; Guangdong"), ("Urumqi", "Urumqi"), ("", "Xinjiang")]
)
def test_a_region_given_as_the_country_is_kept_beside_another_region(region: str, expected: str):
    assert get_answers(read(country="Xinjiang", region=region), "region") == [expected]


@pytest.mark.parametrize("language", list_languages())
def test_the_name_of_each_country_in_a_language_of_the_forms_is_read_back(language: str):
    countries = load_countries()
    names = countries.list_names(language)
    assert {code: countries.read(name) for code, name in names.items()} == {code: code for code in countries.names}


def test_countries_have_their_names_in_a_language():
    named = {language: load_countries().list_names(language)["NP"] for language in ("en", "th", "zh-Hans", "ar")}
    assert named == {"en": "Nepal", "th": "เนปาล", "zh-Hans": "尼泊尔", "ar": "نيبال"}


@pytest.mark.parametrize("cell", ["Xinjiang, Kazakhstan", "Xinjiang / Tibet", "Narnia", "Urumqi Road"])
def test_what_names_no_single_region_is_no_country(cell: str):
    assert get_issue_codes(read(country=cell)) == ["country.unknown"]


@pytest.mark.parametrize(
    ("country", "place", "expected"),
    [
        ("Hong Kong", {"region": "Xinjiang"}, "Xinjiang, China"),
        ("Hong Kong", {"city": "Ürümqi"}, "Xinjiang, China"),
        ("Hong Kong", {"region": "Kowloon", "city": "Aksu, Xinjiang"}, "Xinjiang, China"),
        ("Hong Kong", {"city": "东莞市"}, "Guangdong, China"),
        ("Macau", {"city": "Zhuhai"}, "Guangdong, China"),
        ("Taiwan", {"region": "Xinjiang"}, "Xinjiang, China"),
        ("Norway", {"region": "XUAR"}, "Xinjiang, China"),
    ],
)
def test_a_region_counts_over_a_country_that_it_contradicts(country: str, place: dict[str, str], expected: str):
    submission = read(country=country, **place)
    assert get_answers(submission, "country") == ["CN"]
    (issue,) = [issue for issue in submission.issues if issue.code == "country.settled"]
    assert (issue.expected, issue.cells[1]) == (expected, "B2")


@pytest.mark.parametrize(
    ("country", "place"),
    [
        ("Hong Kong", {"region": "New Territories", "city": "Kowloon"}),
        ("Hong Kong", {"city": "18 Canton Road"}),
        ("Hong Kong", {"city": "Nanning Street, Kwun Tong"}),
        ("Hong Kong", {"city": "广东道"}),
        ("Taiwan", {"region": "Taichung", "city": "Dali"}),
        ("Taiwan", {"city": "Kinmen", "region": "Fujian"}),
        ("Türkiye", {"city": "Aksu"}),
        ("United States", {"city": "Canton", "region": "Ohio"}),
        ("North Korea", {"region": "Xinjiang"}),
        ("China", {"region": "Xinjiang"}),
        ("", {"region": "Xinjiang"}),
    ],
)
def test_a_country_that_no_region_contradicts_stays(country: str, place: dict[str, str]):
    submission = read(country=country, **place)
    assert get_answers(submission, "country") == [load_countries().find(country)]
    assert "country.settled" not in get_issue_codes(submission)


def test_every_region_in_the_facts_that_is_no_country_is_listed_with_all_its_names():
    facts = load_facts().regions
    listed = {(region.country, region.title): region for region in load_regions()}
    for region in facts:
        if load_countries().find(region.title) is None:
            entry = listed.pop((region.country, region.title))
            for name in region.names:
                assert entry in find_regions(name, with_places=True), name
    assert not listed


def test_the_facts_recognise_every_region_that_intake_writes():
    index = build_region_index(load_facts().regions)
    for region in load_regions():
        assert index.find_regions(region.country, "region", region.title), region.title


# ---------------------------------------------------------------- names that countries share


@pytest.mark.parametrize("name", ["Korea", "Corée", "korea", "Congo"])
def test_a_row_whose_country_may_be_one_of_two_is_not_read_and_the_sender_is_asked(name: str):
    submission = read(country=name)
    assert submission.rejected == 1
    (issue,) = submission.issues
    assert (issue.code, issue.severity, issue.seen) == ("country.shared_name", "error", name)
    names = ["South Korea", "North Korea"] if name != "Congo" else ["Republic of the Congo"]
    assert all(each in issue.describe() for each in names)


def test_all_countries_of_a_shared_name_count_as_origins_until_the_sender_says_which():
    submission = read(country="Japan", worker_origin_countries="Nepal; Korea")
    assert get_answers(submission, "worker_origin_countries") == [("NP", "KR", "KP")]
    (issue,) = submission.issues
    assert (issue.code, issue.seen, issue.expected) == ("country.all_counted", "Korea", "South Korea or North Korea")
    assert get_answers(read(country="Japan", worker_origin_countries="Korea"), "worker_origin_countries") == [
        ("KR", "KP")
    ]
    assert get_issue_codes(read(country="Japan", worker_origin_countries="Republic of Korea")) == []


def test_a_flag_that_may_be_of_two_countries_is_unknown():
    submission = read(country="Japan", flag="Korea")
    assert get_answers(submission, "flag") == [None]
    assert [(i.code, i.expected) for i in submission.issues] == [("answer.unknown", "South Korea or North Korea")]


@pytest.mark.parametrize(
    ("city", "country", "read"),
    [
        ("Taipei City", "Viet Nam", None),
        ("Phnom Penh", "Thailand", None),
        ("Phnom Penh", "Cambodia", "KH"),
        ("Hyderabad", "Pakistan", "PK"),
        ("Guangzhou", "Hong Kong", "CN"),  # settled by its region
        ("Seoul", "North Korea", "KP"),
    ],
)
def test_a_country_is_unknown_where_the_city_is_in_another_one_only(city, country, read):
    submission = submit(f"| Supplier | City | Country |\n| A | {city} | {country} |\n| B | | {country} |")
    assert get_answers(submission, "country")[0] == read
    assert ("country.city" in get_issue_codes(submission)) == (read is None)


@pytest.mark.parametrize(("header", "place"), [("Region", "Cambodia"), ("Address", "12 Pier Road, Cambodia")])
def test_a_further_contradiction_does_not_bring_back_a_country_that_the_city_contradicts(header, place):
    submission = submit(f"| Supplier | City | {header} | Country |\n| A | Phnom Penh | {place} | Norway |")
    assert get_answers(submission, "country") == [None]
    assert get_issue_codes(submission).count("country.city") == 1
    assert "country.contradicted" not in get_issue_codes(submission)
