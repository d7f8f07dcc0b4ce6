"""One value, or a column of them, to an answer or a fault."""

import math
from decimal import Decimal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from questionnaires.numbers import Money, Number, Percent
from questionnaires.types import Choice, Countries, Country, Date, Many, Sector, Text, YesNo
from questionnaires.words import countries, everyday, sectors

PAPERS = Choice(choices={"worker": "worker", "theworkers": "worker", "none": "none"}, titles=["The workers", "None"])


def column(field, *texts, date_order=None):
    """The answers to a column of texts; a fault is its code."""
    fitted, _ = field.fitted(texts, date_order)
    answers, faults = fitted.read_column(texts)
    return [
        faults[at].code if at in faults and faults[at].kept is None else answer for at, answer in enumerate(answers)
    ]


def one(field, text):
    """The answer to a text that stands alone in its column."""
    return column(field, text)[0]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", 12), ("-5", -5), ("0", 0), ("007", 7), ("1421.0", 1421), ("12.5", 12.5), ("12,5", 12.5), (".5", 0.5),
        ("0.375", 0.375),
        ("475 009,12", 475009.12), ("475\u00a0009,12", 475009.12), ("475\u202f009", 475009), ("229,932.50", 229932.5),
        ("1.145,00", 1145),
        ("1,234,567", 1234567), ("1.234.567", 1234567), ("1'234", 1234), ("1’234.5", 1234.5),
        ("3.9919999999999999e+02", 399.2),
        ("１２３", 123), ("'42", 42), (" 8 ", 8),
    ],
)  # fmt: skip
def test_a_number_is_read_however_it_is_grouped(text, number):
    assert one(Number(), text) == number


@pytest.mark.parametrize("text", ["1,234", "1.234", "-12.345", "12,000"])
def test_a_number_that_can_be_read_in_two_ways_is_not_read(text):
    assert one(Number(), text) == "number.ambiguous"


def test_another_value_of_the_column_tells_the_decimal_sign():
    assert column(Number(), "1,234", "12.5") == [1234, 12.5]
    assert column(Number(), "1,234", "12,5") == [1.234, 12.5]
    assert column(Number(), "1.234", "1.234,50") == [1234, 1234.5]
    assert column(Number(), "1,234", "12,5", "12.5")[0] == "number.ambiguous"


def test_of_two_readings_the_one_in_range_is_taken():
    assert one(Number(least=-90, most=90), "13.756") == 13.756


@pytest.mark.parametrize(
    "text", ["about 50", "5-17", "50+", "1e", "inf", "0x10", "1_000", "--1", "1 2", "٣x", "9" * 61]
)
def test_what_is_not_one_number_is_none(text):
    assert one(Number(), text) == "number.invalid"


@pytest.mark.parametrize("text", ["1e400", "-1e999"])
def test_a_number_is_finite(text):
    assert one(Number(), text) == "number.range"


def test_a_number_is_in_the_range_of_its_question():
    assert column(Number(least=0, most=60), "-1", "0", "60", "61") == ["number.range", 0, 60, "number.range"]


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=2))
@settings(max_examples=60)
def test_a_number_with_its_decimals_is_read_as_written_in_both_styles(value):
    english, german = f"{value:,.2f}", f"{value:,.2f}".translate(str.maketrans(",.", ".,"))
    assert one(Number(), english) == one(Number(), german) == float(value)


@given(st.from_regex(r"\A-?[0-9]{1,4}([.,][0-9]{1,5})?\Z"))
@settings(max_examples=100)
def test_a_number_that_goes_the_short_way_is_what_a_closer_look_gives(text):
    field = Number(least=-500, most=5000)
    assert field.plain(text) is None or field.plain(text) == field.read(text)


@given(st.from_regex(r"\A[ -~é]{0,6}( {1,2}[ -~]{1,8})?\Z") | st.sampled_from(sorted(everyday().set_apart)))
@example("12.0")
@example("n/a ")
@example("unknown")
@settings(max_examples=200)
def test_a_text_that_goes_the_short_way_is_what_a_closer_look_gives(text):
    field = Text()
    assert field.plain(text) is None or field.plain(text) == field.read(text)


def test_no_word_for_nothing_holds_a_digit_so_a_text_that_does_is_one_at_a_glance():
    assert not [word for word in everyday().set_apart if any(map(str.isdigit, word))]
    assert Text().plain("Site 9") == "Site 9"


@given(st.text(max_size=30))
@example("1,234.5.6")
@settings(max_examples=150)
def test_whatever_is_typed_a_number_is_finite_or_a_fault(text):
    answer = one(Number(), text)
    assert answer is None or isinstance(answer, str) or math.isfinite(answer)


@pytest.mark.parametrize("text", ["475 009,12 €", "$475,009.12", "USD 475,009.12", "475,009.12 THB", "R$ 475.009,12"])
def test_an_amount_may_name_its_currency(text):
    assert one(Money(), text) == float(Decimal("475009.12"))


def test_a_percentage_is_from_0_to_100():
    assert column(Percent(), "45", "45%", "0", "12,5 %", "101", "-1") == [
        45,
        45,
        0,
        12.5,
        "number.range",
        "number.range",
    ]


def test_a_column_of_shares_is_read_as_percentages_and_said():
    field, said = Percent().fitted(["0.45", "0", "1"])
    assert said.code == "percent.share"
    assert field.read_column(["0.45", "0", "1"])[0] == [45, 0, 100]


def test_one_value_over_1_tells_that_a_column_holds_percentages():
    assert column(Percent(), "0.45", "1", "3") == [0.45, 1, 3]
    assert column(Percent(), "0.45", "1%") == [0.45, 1]


def test_a_column_of_noughts_and_ones_does_not_tell_one_per_cent_from_all():
    assert column(Percent(), "0", "1") == [0, "percent.ambiguous"]


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
        ("昭和64年1月7日", "1989-01-07"), ("2019年7月31日", "2019-07-31"), ("2021", "2021"), ("2021.0", "2021"),
        ("2024-05", "2024-05"), ("43657", "2019-07-11"),
    ],
)  # fmt: skip
def test_a_date_is_read_in_the_shapes_people_use(text, day):
    assert one(Date(), text) == day


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
def test_what_is_no_date_is_not_read(text):
    assert one(Date(), text) == "date.invalid"


@pytest.mark.parametrize("text", ["2567", "15/01/2567", "1066-10-14", "2101-01-01"])
def test_a_year_of_another_calendar_or_age_is_out_of_range(text):
    assert one(Date(), text) == "date.range"


def test_day_and_month_are_told_by_the_column_or_the_sender_never_guessed():
    assert one(Date(), "03/04/2020") == "date.ambiguous"
    assert column(Date(), "03/04/2020", "25/12/2020") == ["2020-04-03", "2020-12-25"]
    assert column(Date(), "03/04/2020", "12/25/2020") == ["2020-03-04", "2020-12-25"]
    assert column(Date(), "03/04/2020", "25/12/2020", "12/25/2020")[0] == "date.ambiguous"
    assert column(Date(), "03/04/2020", date_order="mdy") == ["2020-03-04"]


def test_a_date_after_the_day_is_in_the_future_where_the_question_minds():
    assert one(Date(on="2026-09-01"), "2026-09-02") == "date.future"
    assert one(Date(on="2026-09-01"), "2026-09-01") == "2026-09-01", "the day itself is no future"
    assert one(Date(on="2026-09-01"), "2026") == "2026"
    assert one(Date(), "2026-09-02") == "2026-09-02"


def test_a_bare_year_is_in_range_if_some_of_its_days_may_be():
    field = Date(least="2020-05-01", most="2026-01-31")
    assert column(field, "2019", "2020", "2026", "2027") == ["date.range", "2020", "2026", "date.range"]


@given(st.dates())
@settings(max_examples=60)
def test_an_iso_day_from_1900_to_2100_is_itself(day):
    expected = day.isoformat() if 1900 <= day.year <= 2100 else "date.range"
    assert one(Date(), day.isoformat()) == expected


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
def test_a_country_is_known_by_code_and_by_name_in_many_languages(text, code):
    assert code is None or one(Country(), text) == code


@pytest.mark.parametrize("text", ["Narnia", "ICCAT-RMA", "XX", "Asia"])
def test_a_country_we_do_not_know_is_not_guessed(text):
    assert one(Country(), text) == "country.unknown"


def test_countries_spelt_alike_are_proposed():
    _, faults = Country().read_column(["Narnia"])
    assert "Did you mean Namibia or" in faults[0].cure
    _, faults = Country().read_column(["Thialand"])
    assert faults[0].cure.startswith("Did you mean Thailand?")


def test_namibia_is_not_missing():
    assert column(Country(), "TH", "NA", "na") == ["TH", "NA", "NA"]
    assert one(Country(), "NA") == "NA"
    assert one(Country(), "Namibia") == "NA"


def test_na_among_names_is_namibia_in_capitals_and_nothing_otherwise():
    field, _ = Country().fitted(["Thailand", "NA", "na", "n/a"])
    answers, faults = field.read_column(["Thailand", "NA", "na", "n/a"])
    assert answers == ["TH", "NA", None, None]
    assert {at: fault.code for at, fault in faults.items()} == {1: "country.ambiguous"}


def test_no_word_for_a_country_says_nothing_is_here():
    strange = [name for code, name in countries().names.items() if one(Country(), name) != code]
    assert strange == []
    assert [code for code in countries().names if one(Country(), code) != code] == []


def test_several_countries_stand_in_one_cell():
    assert one(Countries(), "Nepal, Bangladesh") == ("NP", "BD")
    assert one(Countries(), "NP|BD\nTH") == ("NP", "BD", "TH")
    assert one(Countries(), "Korea, Republic of; Nepal") == ("KR", "NP")
    answers, faults = Countries().read_column(["Nepal, Narnia"])
    assert (answers[0], faults[0].code, faults[0].seen) == (("NP",), "answer.unknown", "Narnia")


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
def test_a_sector_is_known_by_code_and_by_words(text, codes):
    assert one(Sector(), text) == codes


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
def test_what_is_no_sector_is_not_guessed(text):
    assert one(Sector(), text) == "sector.unknown"


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
def test_a_sector_is_known_by_its_official_title(text, codes):
    assert one(Sector(), text) == codes


def test_the_part_of_a_sector_that_is_not_understood_is_told_and_the_rest_kept():
    answers, faults = Sector().read_column(["apparel, wizardry"])
    assert (answers[0], faults[0].seen) == (("14",), "wizardry")


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
def test_two_sectors_with_their_titles_stand_in_one_cell(text):
    assert one(Sector(), text) == ("0311", "4100")


@pytest.mark.parametrize(
    ("text", "kept", "strange"),
    [
        ("0311 Marine fishing; 9999 wizardry", ("0311",), "9999 wizardry"),
        ("0311 Marine fishing, wizardry", ("0311",), "wizardry"),
        ("ISIC 0311 Marine fishing, 9999 wizardry", ("0311",), "9999 wizardry"),
        ("fishing; F/V", ("031",), "F/V"),
        ("construction, house 56 in the yard", ("F",), "house 56 in the yard"),
    ],
)
def test_a_further_sector_that_is_not_understood_is_told_and_the_rest_kept(text, kept, strange):
    answers, faults = Sector().read_column([text])
    assert (answers[0], faults[0].code, faults[0].seen) == (kept, "sector.unknown", strange)


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
def test_a_title_that_holds_a_comma_or_a_stroke_is_one_sector(text, codes):
    assert one(Sector(), text) == codes


def test_every_code_and_name_of_the_sector_list_is_a_sector():
    known = sectors()
    assert [code for code in known.names if one(Sector(), code) != (code,)] == []
    assert [name for name in known.names.values() if not isinstance(one(Sector(), name), tuple)] == []


@pytest.mark.parametrize("text", ["yes", "Y", "TRUE", "1", "1.0", "Sí", "oui", "はい", "✓", "ใช่"])
def test_yes_is_said_in_many_ways(text):
    assert one(YesNo(), text) == "yes"


@pytest.mark.parametrize("text", ["no", "N", "false", "0", "0.0", "nein", "いいえ", "無", "không"])
def test_no_is_said_in_many_ways(text):
    assert one(YesNo(), text) == "no"


def test_a_maybe_is_no_answer():
    assert one(YesNo(), "maybe") == "answer.unknown"


def test_a_choice_is_known_by_its_words_and_otherwise_unknown():
    assert column(PAPERS, "The Workers", "worker", "elsewhere", "") == ["worker", "worker", "answer.unknown", None]


def test_a_choice_that_says_none_is_an_answer_and_elsewhere_nothing():
    assert one(PAPERS, "None") == "none"
    assert one(Text(), "None") is None


def test_several_choices_stand_in_one_cell_and_may_hold_commas():
    field = Many(choices={"debt": "debt", "threatsofanykind": "threats"}, titles=["Debt", "Threats, of any kind"])
    assert one(field, "Debt; Threats, of any kind") == ("debt", "threats")
    assert one(field, "debt,debt") == ("debt",)


def test_names_in_one_cell_keep_their_commas():
    field = Many(choices={}, titles=[])
    assert one(field, "Alpha Associates, Inc.; Beta") == ("Alpha Associates, Inc.", "Beta")
    assert one(field, "n/a") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\u00a0",
        "\u200b",
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
    [Text(), Number(), Date(), YesNo(), PAPERS, Country(), Countries(), Sector()],
    ids=lambda f: type(f).__name__,
)
def test_nothing_here_is_nothing(field, text):
    assert one(field, text) is None


@pytest.mark.parametrize("field", [Number(), Date(), YesNo(), PAPERS, Countries()], ids=lambda f: type(f).__name__)
def test_declined_and_not_applicable_are_answers(field):
    assert column(field, "Declined", "refused to say", "not applicable") == ["declined", "declined", "cannot_apply"]


def test_a_name_is_never_declined():
    assert one(Text(reserved=()), "declined") is None


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
def test_a_text_is_cleaned_of_what_cannot_be_seen_and_of_nothing_else(text, clean):
    assert one(Text(), text) == clean


@pytest.mark.parametrize("text", ["a\x00b", "a\x1bb", "a\x85\x86b", "a\ud800", "long enough to go the short way \x07"])
def test_a_text_with_control_characters_is_not_read(text):
    assert one(Text(), text) == "text.forbidden_character"


@given(st.lists(st.text(max_size=40), max_size=8))
@settings(max_examples=80)
def test_a_column_of_texts_is_read_as_each_text_alone(texts):
    together, faults = Text().read_column(texts)
    for at, text in enumerate(texts):
        alone, fault = Text().read_column([text])
        assert (alone[0], bool(fault)) == (together[at], at in faults)


@given(st.text(max_size=40))
@settings(max_examples=80)
def test_a_clean_text_is_clean(text):
    answer = one(Text(), text)
    if answer is not None and answer != "text.forbidden_character":
        assert one(Text(), answer) in (answer, None)


@pytest.mark.parametrize("value", [3, True, {"a": 1}, 1.5])
def test_a_json_value_of_another_type_is_no_text(value):
    with pytest.raises(ValidationError, match=r"field\.type"):
        Text().deserialize(value)
