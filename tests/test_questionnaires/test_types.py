"""Parsing one value, or a column of values, to answers or errors."""

import math
from datetime import date
from decimal import Decimal

import pytest
from examples import examples
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from questionnaires.form import build_answers_schema, load_combined_form
from questionnaires.lookups import load_common_words, load_countries, load_sectors
from questionnaires.parse.answer import AnswerError
from questionnaires.parse.numbers import MoneyField, NumberField, PercentField
from questionnaires.parse.types import (
    ChoiceField,
    CountriesField,
    CountryField,
    DateField,
    MultiChoiceField,
    SectorField,
    TextField,
    YesNoField,
)

PAPERS = ChoiceField(
    choices={"worker": "worker", "theworkers": "worker", "none": "none"}, titles=["The workers", "None"]
)


def parse_column(field, *texts, date_order=None):
    """Return the answers of a column of texts; the code of an error without a partial answer."""
    fitted, _ = field.fit_to_column(texts, date_order)
    answers, errors = fitted.parse_column(texts)
    return [
        errors[index].code if index in errors and errors[index].partial is None else answer
        for index, answer in enumerate(answers)
    ]


def parse_value(field, text):
    """Return the answer of a text that is alone in its column."""
    return parse_column(field, text)[0]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("-5", -5), ("0", 0), ("007", 7), ("1421.0", 1421), ("12.5", 12.5), ("12,5", 12.5), (".5", 0.5),
        ("0.375", 0.375),
        ("475 009,12", 475009.12), ("475\u00a0009,12", 475009.12), ("475\u202f009", 475009), ("229,932.50", 229932.5),
        ("1.145,00", 1145),
        ("1,234,567", 1234567), ("1.234.567", 1234567), ("12,34,567", 1234567), ("1,50,000.50", 150000.5),
        ("1'234", 1234), ("1’234.5", 1234.5),
        ("3.9919999999999999e+02", 399.2),
        ("１２３", 123), ("'42", 42), (" 8 ", 8),
    ],
)  # fmt: skip
def test_a_number_is_read_however_it_is_grouped(text, number):
    assert parse_value(NumberField(), text) == number


@pytest.mark.parametrize("text", ["1,234", "1.234", "-12.345", "12,000"])
def test_an_ambiguous_number_is_rejected(text):
    assert parse_value(NumberField(), text) == "number.ambiguous"


def test_another_value_of_the_column_proves_the_decimal_sign():
    assert parse_column(NumberField(), "1,234", "12.5") == [1234, 12.5]
    assert parse_column(NumberField(), "1,234", "12,5") == [1.234, 12.5]
    assert parse_column(NumberField(), "1.234", "1.234,50") == [1234, 1234.5]
    assert parse_column(NumberField(), "1,234", "12,5", "12.5")[0] == "number.ambiguous"


def test_of_two_readings_the_one_in_range_is_used():
    assert parse_value(NumberField(minimum=-90, maximum=90), "13.756") == 13.756


@pytest.mark.parametrize(
    "text", ["about 50", "5-17", "50+", "1e", "inf", "0x10", "1_000", "--1", "1 2", "٣x", "9" * 61]
)
def test_a_text_that_is_not_one_number_is_invalid(text):
    assert parse_value(NumberField(), text) == "number.invalid"


@pytest.mark.parametrize("text", ["1e400", "-1e999"])
def test_an_infinite_number_is_out_of_range(text):
    assert parse_value(NumberField(), text) == "number.range"


def test_a_number_must_be_in_the_range_of_its_question():
    assert parse_column(NumberField(minimum=0, maximum=60), "-1", "0", "60", "61") == [
        "number.range",
        0,
        60,
        "number.range",
    ]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=2))
@examples(60)
def test_a_number_with_decimals_is_read_in_english_and_german_notation(value):
    english, german = f"{value:,.2f}", f"{value:,.2f}".translate(str.maketrans(",.", ".,"))
    assert parse_value(NumberField(), english) == parse_value(NumberField(), german) == float(value)


@given(st.from_regex(r"\A-?[0-9]{1,4}([.,][0-9]{1,5})?\Z"))
@examples(100)
def test_the_fast_path_for_numbers_gives_the_same_answers(text):
    field = NumberField(minimum=-500, maximum=5000)
    assert field.parse_plain(text) is None or field.parse_plain(text) == field.parse(text)


@given(st.from_regex(r"\A[ -~é]{0,6}( {1,2}[ -~]{1,8})?\Z") | st.sampled_from(sorted(load_common_words().non_answers)))
@example("12.0")
@example("n/a ")
@example("unknown")
@examples(200)
def test_the_fast_path_for_texts_gives_the_same_answers(text):
    field = TextField()
    assert field.parse_plain(text) is None or field.parse_plain(text) == field.parse(text)


def test_no_word_for_nothing_contains_a_digit():
    assert not [word for word in load_common_words().non_answers if any(map(str.isdigit, word))]
    assert TextField().parse_plain("Site 9") == "Site 9"


@given(st.text(max_size=30))
@example("1,234.5.6")
@examples(150)
def test_any_text_gives_a_finite_number_or_an_error(text):
    answer = parse_value(NumberField(), text)
    assert answer is None or isinstance(answer, str) or math.isfinite(answer)


@pytest.mark.parametrize(
    "text",
    [
        "475 009,12 €", "$475,009.12", "USD 475,009.12", "475,009.12 THB", "R$ 475.009,12", "Rs. 4,75,009.12", "RM475,009.12",
        "Rp 475.009,12", "475,009.12 บาท", "Tk 4,75,009.12", "৳ ৪,৭৫,০০৯.১২",
    ],
)  # fmt: skip
def test_an_amount_may_name_its_currency(text):
    assert parse_value(MoneyField(), text) == float(Decimal("475009.12"))


def test_an_amount_may_say_that_nothing_follows():
    assert parse_value(MoneyField(), "Rs 12,00,000/-") == 1_200_000
    assert parse_value(MoneyField(), "Rp3.500.000,-") == 3_500_000
    assert parse_column(MoneyField(), "Max 100", "MIN 100", "100 EST") == ["number.invalid"] * 3


def test_a_percentage_must_be_between_0_and_100():
    assert parse_column(PercentField(), "45", "45%", "0", "12,5 %", "101", "-1") == [
        45,
        45,
        0,
        12.5,
        "number.range",
        "number.range",
    ]


def test_a_column_of_shares_is_read_as_percentages_and_reported():
    field, notice = PercentField().fit_to_column(["0.45", "0", "1"])
    assert notice.code == "percent.share"
    assert field.parse_column(["0.45", "0", "1"])[0] == [45, 0, 100]


def test_one_value_over_1_proves_that_a_column_holds_percentages():
    assert parse_column(PercentField(), "0.45", "1", "3") == [0.45, 1, 3]
    assert parse_column(PercentField(), "0.45", "1%") == [0.45, 1]


def test_a_one_in_a_column_of_zeros_and_ones_is_ambiguous():
    assert parse_column(PercentField(), "0", "1") == [0, "percent.ambiguous"]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2019-07-31", "2019-07-31"), ("2019-07-31 00:00:00", "2019-07-31"), ("2019-07-31T10:48:37Z", "2019-07-31"),
        ("2019/7/1", "2019-07-01"),
        ("31.7.2019", "2019-07-31"), ("1.2.2020", "2020-02-01"), ("31/07/2019", "2019-07-31"),
        ("07/31/2019", "2019-07-31"), ("4/4/2014", "2014-04-04"),
        ("31-7-19", "2019-07-31"), ("12/31/98 00:00:00", "1998-12-31"), ("20190731", "2019-07-31"),
        ("12 May 2024", "2024-05-12"), ("May 12th, 2024", "2024-05-12"),
        ("令和元年7月31日", "2019-07-31"), ("令和2年1月2日", "2020-01-02"), ("H31.3.26", "2019-03-26"),
        ("R1.6.19", "2019-06-19"), ("Ｒ１．６．１９", "2019-06-19"),
        ("昭和64年1月7日", "1989-01-07"), ("2019年7月31日", "2019-07-31"), ("二〇一九年七月三十一日", "2019-07-31"),
        ("2019년 7월 31일", "2019-07-31"), ("2019. 7. 31.", "2019-07-31"), ("ngày 31 tháng 7 năm 2019", "2019-07-31"),
        ("31/07/2019 AD", "2019-07-31"), ("ค.ศ. 2019", "2019"), ("2021", "2021"), ("2021.0", "2021"),
        ("2024-05", "2024-05"), ("43657", "2019-07-11"),
    ],
)  # fmt: skip
def test_a_date_is_read_in_the_usual_notations(text, day):
    assert parse_value(DateField(), text) == day


@pytest.mark.parametrize(
    "text",
    [
        "31/2/2020",
        "2020-13-01",
        "R1.6.19送検",
        "03/04/2020 a 11/02/2022",
        "soon",
        "令和元年1月1日",
        "13/13/2020",
        "0" * 30000 + "-",
    ],
)
def test_a_text_that_is_not_a_date_is_invalid(text):
    assert parse_value(DateField(), text) == "date.invalid"


@pytest.mark.parametrize("text", ["1066-10-14", "2101-01-01"])
def test_a_year_of_another_age_is_out_of_range(text):
    assert parse_value(DateField(), text) == "date.range"


def test_the_order_of_day_and_month_comes_from_the_column_or_the_sender_never_from_a_guess():
    assert parse_value(DateField(), "03/04/2020") == "date.ambiguous"
    assert parse_column(DateField(), "03/04/2020", "25/12/2020") == ["2020-04-03", "2020-12-25"]
    assert parse_column(DateField(), "03/04/2020", "12/25/2020") == ["2020-03-04", "2020-12-25"]
    assert parse_column(DateField(), "03/04/2020", "25/12/2020", "12/25/2020")[0] == "date.ambiguous"
    assert parse_column(DateField(), "03/04/2020", date_order="mdy") == ["2020-03-04"]


def test_a_date_that_may_begin_or_end_with_a_short_year_is_asked_about():
    assert parse_column(DateField(), "24/03/15", "15.03.24") == ["date.ambiguous"] * 2
    assert parse_column(DateField(), "24/03/15", "98/11/30") == ["2024-03-15", "1998-11-30"]
    assert parse_column(DateField(), "24/03/15", "30/11/98") == ["2015-03-24", "1998-11-30"]
    assert parse_column(DateField(), "24/03/15", "25/12/2020") == ["2015-03-24", "2020-12-25"]
    assert parse_column(DateField(), "24/03/15", date_order="dmy") == ["2015-03-24"]


def test_a_short_year_that_may_be_buddhist_is_asked_about():
    assert parse_value(DateField(), "15/03/67") == "date.calendar_unclear"


def test_a_date_after_the_assessment_date_is_in_the_future():
    assert parse_value(DateField(as_of="2026-09-01"), "2026-09-02") == "date.future"
    assert parse_value(DateField(as_of="2026-09-01"), "2026-09-01") == "2026-09-01", "the day itself is no future"
    assert parse_value(DateField(as_of="2026-09-01"), "2026") == "2026"
    assert parse_value(DateField(), "2026-09-02") == "2026-09-02"


def test_a_bare_year_is_in_range_if_any_of_its_days_is():
    field = DateField(earliest="2020-05-01", latest="2026-01-31")
    assert parse_column(field, "2019", "2020", "2026", "2027") == ["date.range", "2020", "2026", "date.range"]


@given(st.dates(date(1900, 1, 1), date(2069, 12, 31)))
@examples(60)
def test_an_iso_date_that_can_be_of_one_calendar_only_is_unchanged(day):
    assert parse_value(DateField(), day.isoformat()) == day.isoformat()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("TH", "TH"), ("th", "TH"), ("THA", "TH"), ("Thailand", "TH"), (" thailand. ", "TH"), ("ประเทศไทย", None),
        ("Viet Nam", "VN"), ("VIETNAM", "VN"), ("Việt Nam", "VN"),
        ("Korea (Rep. South)", "KR"), ("Republic of Korea", "KR"), ("DPRK.", "KP"), ("Lao PDR", "LA"),
        ("Combodia", "KH"), ("Netherland", "NL"), ("UAE", "AE"),
        ("Hong Kong SAR, China", "HK"), ("Côte d’Ivoire", "CI"), ("Cote d'Ivoire", "CI"), ("Türkiye", "TR"),
        ("EU-ESP", "ES"), ("TAI", "TW"), ("A'ustralia", "AU"),
        ("Bosnia", "BA"), ("The Gambia", "GM"), ("中国", "CN"), ("日本", "JP"),
    ],
)  # fmt: skip
def test_a_country_is_recognised_by_code_and_by_name_in_many_languages(text, code):
    assert code is None or parse_value(CountryField(), text) == code


@pytest.mark.parametrize("text", ["Narnia", "ICCAT-RMA", "XX", "Asia"])
def test_an_unknown_country_is_not_guessed(text):
    assert parse_value(CountryField(), text) == "country.unknown"


def test_countries_with_similar_spelling_are_suggested():
    _, errors = CountryField().parse_column(["Austrlia", "Narnia"])
    assert errors[0].cure.startswith("Did you mean Austria or Australia?")
    assert errors[1].cure.startswith("Enter the name")


def test_na_in_a_column_of_codes_is_namibia():
    assert parse_column(CountryField(), "TH", "NA", "na") == ["TH", "NA", "NA"]
    assert parse_value(CountryField(), "NA") == "NA"
    assert parse_value(CountryField(), "Namibia") == "NA"


def test_na_among_names_is_namibia_in_capitals_and_blank_otherwise():
    field, _ = CountryField().fit_to_column(["Thailand", "NA", "na", "n/a"])
    answers, errors = field.parse_column(["Thailand", "NA", "na", "n/a"])
    assert answers == ["TH", "NA", None, None]
    assert {index: error.code for index, error in errors.items()} == {1: "country.ambiguous"}


def test_no_name_or_code_of_a_country_is_read_as_blank():
    misread = [name for code, name in load_countries().names.items() if parse_value(CountryField(), name) != code]
    assert misread == []
    assert [code for code in load_countries().names if parse_value(CountryField(), code) != code] == []


def test_several_countries_in_one_cell_are_all_read():
    assert parse_value(CountriesField(), "Nepal, Bangladesh") == ("NP", "BD")
    assert parse_value(CountriesField(), "NP|BD\nTH") == ("NP", "BD", "TH")
    assert parse_value(CountriesField(), "Korea, Republic of; Nepal") == ("KR", "NP")
    assert parse_value(CountriesField(), "Nepal؛ Bangladesh، India") == ("NP", "BD", "IN")
    answers, errors = CountriesField().parse_column(["Nepal, Narnia"])
    assert (answers[0], errors[0].code, errors[0].seen) == (("NP",), "answer.unknown", "Narnia")


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("0311", ("0311",)), ("03", ("03",)), ("A", ("A",)), ("1410.0", ("1410",)), ("03.11", ("0311",)),
        ("NAICS 114111", ("0311",)), ("ISIC 0311", ("0311",)),
        ("construction", ("F",)), ("Apparel", ("14",)), ("0311 Marine fishing", ("0311",)),
        ("1410 - Manufacture of wearing apparel", ("1410",)),
        ("fishing; construction", ("031", "F")), ("Apparel|Health", ("14", "86")),
        ("fishing / construction", ("031", "F")),
        ("Marine fishing (0311)", ("0311",)), ("Marine fishing (ISIC Rev. 4: 0311)", ("0311",)), ("Garments (14.1)", ("141",)),
        ("Finfish fishing (NAICS 114111)", ("0311",)), ("Marine fishing (0311), Construction (41)", ("0311", "41")),
    ],
)  # fmt: skip
def test_a_sector_is_recognised_by_code_and_by_words(text, codes):
    assert parse_value(SectorField(), text) == codes


@pytest.mark.parametrize(
    "text",
    [
        "6322-Cooks",
        "0111 - Financial managers",
        "7311 - Construction millwrights",
        "311",
        "114111",
        "9999",
        "03.99.1",
        "wizardry",
        "Fishing (41)",
        "Fishing (2019)",
        "Seafood (10) and garments (14)",
    ],
)
def test_a_text_that_is_not_a_sector_is_not_guessed(text):
    assert parse_value(SectorField(), text) == "sector.unknown"


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Construction of buildings", ("41",)),
        ("Specialized construction activities", ("43",)),
        ("Manufacture of wearing apparel", ("14",)),
        ("Activities of households as employers of domestic personnel", ("97",)),
        ("Growing of vegetables", ("0113",)),
        ("MARINE FISHING", ("0311",)),
        ("Electricity, gas, steam and air conditioning supply; Fishing", ("D", "031")),
    ],
)
def test_a_sector_is_recognised_by_its_official_title(text, codes):
    assert parse_value(SectorField(), text) == codes


def test_an_unknown_part_of_a_sector_is_reported_and_the_rest_is_used():
    answers, errors = SectorField().parse_column(["apparel, wizardry"])
    assert (answers[0], errors[0].seen) == (("14",), "wizardry")


@pytest.mark.parametrize(
    "text",
    [
        "0311 Marine fishing; 4100 Building construction",
        "0311 Marine fishing\n4100 Building construction",
        "0311 Marine fishing / 4100 Building construction",
        "0311 - Marine fishing, 4100 - Building construction",
        "0311 Marine fishing and 4100 Building construction",
        "0311 Marine fishing 4100 Building construction",
        "ISIC 0311 Marine fishing; ISIC Rev. 4: 4100 Building construction",
        "0311 Sea fishing vessel (F/V), 4100 Building construction",
    ],
)
def test_two_sectors_with_their_titles_in_one_cell_are_both_read(text):
    assert parse_value(SectorField(), text) == ("0311", "4100")


@pytest.mark.parametrize(
    ("text", "partial", "unknown"),
    [
        ("0311 Marine fishing; 9999 wizardry", ("0311",), "9999 wizardry"),
        ("0311 Marine fishing, wizardry", ("0311",), "wizardry"),
        ("ISIC 0311 Marine fishing, 9999 wizardry", ("0311",), "9999 wizardry"),
        ("fishing; F/V", ("031",), "F/V"),
        ("construction, house 56 in the yard", ("F",), "house 56 in the yard"),
    ],
)
def test_an_unknown_second_sector_is_reported_and_the_first_is_used(text, partial, unknown):
    answers, errors = SectorField().parse_column([text])
    assert (answers[0], errors[0].code, errors[0].seen) == (partial, "sector.unknown", unknown)


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("G Wholesale and retail trade; repair of motor vehicles and motorcycles", ("G",)),
        ("0145 Raising of swine/pigs", ("0145",)),
        ("NAICS 11 Agriculture, Forestry, Fishing and Hunting", ("A",)),
        ("0311 Fishing vessel", ("0311",)),
        ("fishing, n/a", ("031",)),
    ],
)
def test_a_title_with_a_comma_or_a_slash_is_one_sector(text, codes):
    assert parse_value(SectorField(), text) == codes


def test_every_code_and_name_of_the_sector_list_is_a_sector():
    sector_list = load_sectors()
    assert [code for code in sector_list.names if parse_value(SectorField(), code) != (code,)] == []
    assert [
        name for name in sector_list.names.values() if not isinstance(parse_value(SectorField(), name), tuple)
    ] == []


@pytest.mark.parametrize("text", ["yes", "Y", "TRUE", "1", "1.0", "Sí", "oui", "はい", "✓", "ใช่"])
def test_yes_is_recognised_in_many_words_and_languages(text):
    assert parse_value(YesNoField(), text) == "yes"


@pytest.mark.parametrize("text", ["no", "N", "false", "0", "0.0", "nein", "いいえ", "無", "không"])
def test_no_is_recognised_in_many_words_and_languages(text):
    assert parse_value(YesNoField(), text) == "no"


def test_maybe_is_not_an_answer_to_yes_or_no():
    assert parse_value(YesNoField(), "maybe") == "answer.unknown"


def test_a_choice_is_recognised_by_its_words_only():
    assert parse_column(PAPERS, "The Workers", "worker", "elsewhere", "") == [
        "worker",
        "worker",
        "answer.unknown",
        None,
    ]


def test_none_is_an_answer_where_it_is_a_choice_and_blank_elsewhere():
    assert parse_value(PAPERS, "None") == "none"
    assert parse_value(TextField(), "None") is None


def test_several_choices_in_one_cell_may_contain_commas():
    field = MultiChoiceField(
        choices={"debt": "debt", "threatsofanykind": "threats"}, titles=["Debt", "Threats, of any kind"]
    )
    assert parse_value(field, "Debt; Threats, of any kind") == ("debt", "threats")
    assert parse_value(field, "debt,debt") == ("debt",)


def test_names_in_one_cell_keep_their_commas():
    field = MultiChoiceField(choices={}, titles=[])
    assert parse_value(field, "Alpha Associates, Inc.; Beta") == ("Alpha Associates, Inc.", "Beta")
    assert parse_value(field, "n/a") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u00a0",
        "\u200b",
        "\u3164\u2800",
        "-",
        "—",
        "n/a",
        "N/A",
        "(blank)",
        "(n/a)",
        "Unknown",
        "NULL",
        "No info",
        "NOT NAMED",
        "?",
        "不明",
    ],
)
@pytest.mark.parametrize(
    "field",
    [TextField(), NumberField(), DateField(), YesNoField(), PAPERS, CountryField(), CountriesField(), SectorField()],
    ids=lambda f: type(f).__name__,
)
def test_words_for_nothing_are_blank(field, text):
    assert parse_value(field, text) is None


@pytest.mark.parametrize(
    "field", [NumberField(), DateField(), YesNoField(), PAPERS, CountriesField()], ids=lambda f: type(f).__name__
)
def test_declined_and_not_applicable_are_answers(field):
    assert parse_column(field, "Declined", "refused to say", "not applicable") == [
        "declined",
        "declined",
        "cannot_apply",
    ]


def test_a_declined_name_is_blank():
    assert parse_value(TextField(reserved=()), "declined") is None


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("  Alpha   Works\u00a0Ltd ", "Alpha Works Ltd"), ("e\u0301", "é"), ("a\u200bb", "ab"),
        ("2775666  ONTARIO INC.", "2775666 ONTARIO INC."),
        ("two\nlines", "two lines"), ("1421.0", "1421"),
        ("'5-17", "5-17"), ("'=1+1", "=1+1"), ("'s-Hertogenbosch", "'s-Hertogenbosch"), ("می‌خواهم", "می‌خواهم"),
        ("O'Brien & Sons, a company with a long name", "O'Brien & Sons, a company with a long name"),
    ],
)  # fmt: skip
def test_a_text_is_cleaned_of_invisible_characters_only(text, clean):
    assert parse_value(TextField(), text) == clean


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\x85\x86b", "a\ud800", "long enough to go the short way \x07"])
def test_a_text_with_control_characters_is_rejected(text):
    assert parse_value(TextField(), text) == "text.forbidden_character"


@given(st.lists(st.text(max_size=40), max_size=8))
@examples(80)
def test_a_column_of_texts_gives_the_same_answers_as_each_text_alone(texts):
    together, errors = TextField().parse_column(texts)
    for index, text in enumerate(texts):
        alone, alone_errors = TextField().parse_column([text])
        assert (alone[0], bool(alone_errors)) == (together[index], index in errors)


@given(st.text(max_size=40))
@examples(80)
def test_cleaning_a_text_twice_changes_nothing(text):
    answer = parse_value(TextField(), text)
    if answer is not None and answer != "text.forbidden_character":
        assert parse_value(TextField(), answer) in (answer, None)


@pytest.mark.parametrize("value", [3, True, {"a": 1}, 1.5])
def test_a_json_value_of_another_type_is_not_a_text(value):
    with pytest.raises(ValidationError, match=r"field\.type"):
        TextField().deserialize(value)


@pytest.mark.parametrize(
    "question", ["name", "workers_total", "country", "sector", "evidence", "papers_retention", "agencies"]
)
def test_an_answer_longer_than_a_cell_is_refused_before_it_is_searched(question):
    schema = build_answers_schema(load_combined_form("site"))
    with pytest.raises(ValidationError) as refused:
        schema.load({question: "a." * 20_000})
    assert refused.value.messages[question]["code"] == "limit.cell_text"


# Other scripts and calendars


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("๑๒๓", 123), ("١٢٣٤", 1234), ("۱۲۳", 123), ("१२३", 123), ("১২৩", 123), ("១២៣", 123), ("၁၂၃", 123), ("１２３", 123),
        ("一千二百三十", 1230), ("二〇二四", 2024), ("五万", 50_000), ("120人", 120), ("三百人", 300), ("١٢٬٣٤٥٫٥", 12_345.5),
        ("๒๐๐ คน", 200), ("200 người", 200), ("٢٠٠ عامل", 200), ("120 workers", 120),
    ],
)  # fmt: skip
def test_a_number_is_read_in_the_digits_of_any_script(text, number):
    assert NumberField().parse(text) == number


@pytest.mark.parametrize("text", ["一二千", "百万人の村", "12 or 13", "一万二", "两百五", "1,23,45", "120 days"])
def test_characters_that_are_no_numeral_are_no_number(text):
    with pytest.raises(AnswerError):
        NumberField().parse(text)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2567-05-01", "2024-05-01"), ("๑ พฤษภาคม ๒๕๖๗", "2024-05-01"), ("1 พ.ค. 2567", "2024-05-01"), ("พ.ศ. 2567", "2024"),
        ("25/12/2567", "2024-12-25"), ("1445-09-01", "2024-03-11"), ("1445/09/01 هـ", "2024-03-11"), ("113/05/01", "2024-05-01"),
        ("民國113年5月1日", "2024-05-01"), ("民國99年", "2010"), ("民國99年5月1日", "2010-05-01"),
        ("中華民國一百一十三年五月一日", "2024-05-01"),
        ("ROC 113", "2024"), ("令和5年", "2023"), ("平成31年4月", "2019-04"),
    ],
)  # fmt: skip
def test_a_date_of_another_calendar_is_converted_and_reported(text, day):
    answers, errors = DateField(order="dmy").parse_column([text])
    assert answers == [day]
    assert (errors[0].code, errors[0].expected) == ("date.calendar", day)


@pytest.mark.parametrize("text", ["1402-05-01", "2079-10-05", "2081", "२०८१-०१-०१", "2065 BS", "১৪৩০"])
def test_a_date_that_may_be_of_two_calendars_is_asked_about(text):
    answers, errors = DateField().parse_column([text])
    assert (answers, errors[0].code) == ([None], "date.calendar_unclear")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("TH - Thailand", "TH"), ("Thailand (TH)", "TH"), ("Viet Nam – VN", "VN"), ("ประเทศไทย", "TH"),
        ("中国 China", "CN"), ("中国CN", "CN"), ("Thailand ประเทศไทย", "TH"),
        ("السعودية", "SA"), ("Áo", "AT"), ("Mỹ", "US"), ("中华人民共和国", "CN"), ("China (Hong Kong)", "HK"),
    ],
)  # fmt: skip
def test_a_country_is_read_in_many_languages_and_beside_its_code(text, code):
    assert CountryField().parse(text) == code


@pytest.mark.parametrize("text", ["中国 Chad", "東京 Japan"])
def test_two_names_of_which_one_is_another_country_or_none_are_asked_about(text):
    assert load_countries().read(text) is None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Untied Kingdom", "GB"), ("Bangaldesh", "BD"), ("Tailand", "TH"), ("Vietnm", "VN"), ("Phillipines", "PH"),
        ("Dhaka, Bangladesh", "BD"), ("Guinea, Equatorial", "GQ"), ("Sudan (South)", "SS"), ("Thailand (Bangkok)", "TH"),
    ],
)  # fmt: skip
def test_a_country_that_is_misspelt_or_beside_a_place_is_read_and_reported(text, code):
    answers, errors = CountryField().parse_column([text])
    assert (answers, errors[0].code) == ([code], "country.read_as")


@pytest.mark.parametrize("text", ["Austrlia", "Nigera", "Busan", "Cambridge", "Georgia (US)", "Togoo"])
def test_a_country_is_not_guessed_from_a_town_or_between_two(text):
    answers, errors = CountryField().parse_column([text])
    assert (answers, errors[0].code) == ([None], "country.unknown")
