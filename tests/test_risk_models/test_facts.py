"""Facts: what is known on a day, why a table is refused, how gaps are filled, what the release contains."""

import csv
import tomllib
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from risk_models.data_file import DataFileError
from risk_models.facts.facts import FACTS_FOLDER, Facts, FactSnapshot, load_facts

ON = date(2026, 12, 1)
SHIPPED = load_facts().as_of(ON)
LISTS = Path(__file__).parents[2] / "questionnaires" / "lists"
HEADER = "code,fact,value,year,known_from,source"
# ISO 3166-1 alpha-2, the officially assigned codes.
ISO_3166 = """
AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO
FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE
JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO
MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW
PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM
TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW
""".split()


def write_description(fact: str, **changed: object) -> str:
    """Return an entry of facts.toml; ``changed`` replaces a line, None leaves it out."""
    lines: dict[str, object] = {
        "id": f'"{fact}"',
        "title": '"A title"',
        "unit": '"points"',
        "publisher": '"A publisher"',
        "licence": '"CC BY 4.0"',
        "range": "[0, 10]",
        "higher": '"riskier"',
        "use": '"scored"',
        "read": '"As it says."',
    }
    entry = {**lines, **changed}
    return "[[fact]]\n" + "".join(f"{key} = {value}\n" for key, value in entry.items() if value is not None)


def write_folder(
    folder: Path,
    *,
    country: Sequence[str] = (),
    sector: Sequence[str] = (),
    corridor: Sequence[str] = (),
    goods: Sequence[str] = (),
    words: Sequence[str] = (),
    descriptions: str = "",
) -> Path:
    """Write the fact files of a small world: the rows of each table, and by default a description of every fact."""
    tables = {"country": country, "sector": sector, "corridor": corridor, "goods": goods}
    for name, rows in tables.items():
        (folder / f"{name}.csv").write_text("\n".join([HEADER, *rows]) + "\n", encoding="utf-8")
    (folder / "goods_words.csv").write_text("\n".join(["good,words,isic,hs", *words]) + "\n", encoding="utf-8")
    ids = sorted({f"{name}.{row.split(',')[1]}" for name, rows in tables.items() for row in rows})
    text = descriptions or "\n".join(write_description(fact) for fact in ids)
    (folder / "facts.toml").write_text(text, encoding="utf-8")
    return folder


def load_country_facts(folder: Path, *rows: str, descriptions: str = "") -> Facts:
    return load_facts(write_folder(folder, country=rows, descriptions=descriptions))


def test_the_latest_row_published_by_a_day_counts(tmp_path: Path) -> None:
    facts = load_country_facts(
        tmp_path,
        "TH,wealth,4,2020,2021-06-30,First edition",
        "TH,wealth,5,2022,2023-06-30,Second edition",
        "TH,wealth,3,2020,2022-06-30,Correction of the first edition",
    )
    assert facts.as_of(date(2021, 6, 29)).get_fact("country", "TH", "wealth") is None
    assert facts.as_of(date(2021, 6, 30)).get_value("country", "TH", "wealth") == 4
    assert facts.as_of(date(2022, 12, 31)).get_value("country", "TH", "wealth") == 3
    fact = facts.as_of(ON).get_fact("country", "TH", "wealth")
    assert fact is not None
    assert (fact.value, fact.year, fact.source) == (5, 2022, "Second edition")


def test_days_between_two_publications_share_their_facts_in_memory(tmp_path: Path) -> None:
    facts = load_country_facts(
        tmp_path, "TH,wealth,4,2020,2021-06-30,First edition", "TH,wealth,5,2022,2023-06-30,Second edition"
    )
    first, later, after = (facts.as_of(day) for day in (date(2021, 7, 1), date(2023, 6, 29), date(2023, 6, 30)))
    assert (first.on, later.on) == (date(2021, 7, 1), date(2023, 6, 29))
    assert first.tables["country"] is later.tables["country"]
    assert after.get_value("country", "TH", "wealth") == 5


def test_an_empty_value_withdraws_a_fact(tmp_path: Path) -> None:
    facts = load_country_facts(
        tmp_path, "TW,card,1,2015,2015-10-31,Decision", "TW,card,,2019,2019-06-30,Withdrawn: lifting not seen"
    )
    assert facts.as_of(date(2019, 6, 29)).get_value("country", "TW", "card") == 1
    assert facts.as_of(date(2019, 6, 30)).get_fact("country", "TW", "card") is None
    assert np.isnan(facts.as_of(ON).get_value("country", "TW", "card"))


def test_namibia_is_a_country_and_not_a_missing_code(tmp_path: Path) -> None:
    assert (
        load_country_facts(tmp_path, "NA,wealth,4,2020,2021-06-30,An edition")
        .as_of(ON)
        .get_value("country", "NA", "wealth")
        == 4
    )


def test_a_year_may_be_missing(tmp_path: Path) -> None:
    fact = (
        load_country_facts(tmp_path, "TH,wealth,4,,2021-06-30,An edition").as_of(ON).get_fact("country", "TH", "wealth")
    )
    assert fact is not None
    assert fact.year is None


@pytest.mark.parametrize(
    ("row", "fault"),
    [
        ("TH,wealth,4,2020,2021-06-30, ", "the source is missing"),
        ("TH,wealth,11,2020,2021-06-30,An edition", "the value is outside the range"),
        ("TH,wealth,-1,2020,2021-06-30,An edition", "the value is outside the range"),
        ("TH,wealth,much,2020,2021-06-30,An edition", "the value is not a number"),
        ("TH,wealth,inf,2020,2021-06-30,An edition", "the value is not a number"),
        ("TH,welth,4,2020,2021-06-30,An edition", "there is no such fact"),
        ("THA,wealth,4,2020,2021-06-30,An edition", "the code is not in the table"),
        ("TH,wealth,4,20,2021-06-30,An edition", "the year is not valid"),
        ("TH,wealth,4,2020,2021-06-31,An edition", "known_from is not a date"),
        ("TH,wealth,4,2020,20210630,An edition", "known_from is not a date"),
        ("QA,wealth,5,2020,2021-06-30,Another value for one day", "there is already a row"),
    ],
)
def test_an_invalid_row_is_refused_with_its_line(tmp_path: Path, row: str, fault: str) -> None:
    rows = ["QA,wealth,4,2020,2021-06-30,An edition", row]
    with pytest.raises(DataFileError, match=f"country.csv: line 3: .*{fault}"):
        load_country_facts(tmp_path, *rows, descriptions=write_description("country.wealth"))


@pytest.mark.parametrize("key", ["licence", "publisher", "title", "unit", "read"])
def test_an_incomplete_description_is_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(DataFileError, match=f"facts.toml: country.wealth: '{key}' is missing"):
        load_country_facts(tmp_path, descriptions=write_description("country.wealth", **{key: None}))


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"range": "[10, 0]"}, "'range'"),
        ({"use": '"often"'}, "'use' must be one of scored, note, exposure"),
        ({"higher": '"better"'}, "riskier or safer"),
        ({"id": '"planet.wealth"'}, "the id must be a table and a name"),
    ],
)
def test_an_invalid_description_is_refused(tmp_path: Path, changed: dict[str, object], fault: str) -> None:
    with pytest.raises(DataFileError, match=fault):
        load_country_facts(tmp_path, descriptions=write_description("country.wealth", **changed))


def test_a_fact_described_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match="appears twice"):
        load_country_facts(
            tmp_path, descriptions=write_description("country.wealth") + write_description("country.wealth")
        )


def test_a_table_with_other_columns_is_refused(tmp_path: Path) -> None:
    write_folder(tmp_path)
    (tmp_path / "sector.csv").write_text("code,value\n", encoding="utf-8")
    with pytest.raises(DataFileError, match="sector.csv: its columns are code, value"):
        load_facts(tmp_path)


def test_a_listed_good_without_words_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        DataFileError, match=r"goods.csv: line 2: TH/moon_dust listed .*: the good is not in goods_words.csv"
    ):
        load_facts(
            write_folder(
                tmp_path, goods=["TH/moon_dust,listed,1,2022,2022-09-30,A list"], words=["shrimp,shrimp,0311,030617"]
            )
        )


def test_a_sector_has_the_hazard_of_its_longest_known_prefix(tmp_path: Path) -> None:
    rows = [
        f"{code},hazard,{value},2026,2026-01-01,Own" for code, value in (("C", 1), ("03", 3), ("031", 4), ("0311", 5))
    ]
    facts = load_facts(write_folder(tmp_path, sector=rows)).as_of(ON)
    hazards = {code: facts.get_sector_hazard(code) for code in ("0311", "0312", "0322", "03", "C", "10")}
    assert hazards == {"0311": 5, "0312": 4, "0322": 3, "03": 3, "C": 1, "10": None}


def test_a_corridor_has_the_facts_of_all_rows_that_cover_it(tmp_path: Path) -> None:
    rows = [
        f"{code},months,{value},2020,2020-12-31,A survey"
        for code, value in (("NP>QA", 3), ("NP>*", 5), ("*>QA", 1), ("NP>MY", 4))
    ]
    facts = load_facts(write_folder(tmp_path, corridor=rows)).as_of(ON)
    assert [fact.value for fact in facts.find_corridor_facts("NP", "QA", "months")] == [3, 5, 1]
    assert [fact.value for fact in facts.find_corridor_facts("NP", "JO", "months")] == [5]
    assert facts.find_corridor_facts("QA", "NP", "months") == ()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("Frozen Shrimp, peeled", ("shrimp",)),
        ("shrimps and FISH", ("fish", "shrimp")),
        ("0306.17", ("shrimp",)),
        ("HS 0306.17.00; 7318.15", ("shrimp",)),
        ("030617", ()),
        ("冷凍エビ製品", ("shrimp",)),
        ("กุ้งแช่แข็ง", ("shrimp",)),
        ("ก่ง", ()),
        ("shrimper's boots", ()),
        ("the best thé", ("tea",)),
        ("the best", ()),
        ("", ()),
    ],
)
def test_a_product_text_names_goods_by_whole_words_and_dotted_codes(
    tmp_path: Path, text: str, named: tuple[str, ...]
) -> None:
    words = ["fish,fish,0311,0302", "shrimp,shrimp|shrimps|エビ|กุ้ง,0311,030617", "tea,tea|thé,0127,0902"]
    assert load_facts(write_folder(tmp_path, words=words)).as_of(ON).find_goods(text) == named


def build_neighbours(folder: Path, higher: str) -> FactSnapshot:
    """Build twenty countries AA to AT of wealth 0, 0.5 to 9.5 and as much debt; ZZ has no wealth, its debt is not known."""
    codes = [f"A{chr(ord('A') + i)}" for i in range(20)]
    rows = [f"{code},wealth,{i / 2},2020,2020-12-31,S" for i, code in enumerate(codes)]
    rows += [f"{code},debt,{i / 2},2020,2020-12-31,S" for i, code in enumerate(codes)]
    rows += ["ZZ,wealth,0,2020,2020-12-31,S", "XX,people,7,2020,2020-12-31,S"]
    descriptions = write_description("country.wealth") + write_description("country.debt", higher=f'"{higher}"')
    descriptions += write_description("country.people", use='"exposure"')
    return load_country_facts(folder, *rows, descriptions=descriptions).as_of(ON)


@pytest.mark.parametrize(("higher", "expected"), [("riskier", 5.25), ("safer", 1.75)])
def test_a_gap_takes_the_riskier_quartile_of_the_fifteen_nearest_countries(
    tmp_path: Path, higher: str, expected: float
) -> None:
    filled = build_neighbours(tmp_path, higher).fill_gaps(["debt"])
    # The fifteen nearest to wealth 0 owe 0, 0.5, ... 7; three quarters of them are no riskier than the value taken.
    assert filled.values.loc["ZZ", "debt"] == expected
    assert (filled.low.loc["ZZ", "debt"], filled.high.loc["ZZ", "debt"]) == (0, 7)
    assert filled.filled["debt"].tolist() == [code == "ZZ" for code in filled.values.index]
    assert filled.values.loc["AC", "debt"] == filled.low.loc["AC", "debt"] == filled.high.loc["AC", "debt"] == 1


def test_a_country_without_scored_facts_is_not_filled(tmp_path: Path) -> None:
    filled = build_neighbours(tmp_path, "riskier").fill_gaps(["debt", "wealth"])
    assert filled.values.loc["XX"].isna().all()
    assert not filled.filled.loc["XX"].any()


def test_neighbours_at_the_same_distance_are_ordered_by_code(tmp_path: Path) -> None:
    codes = [f"A{chr(ord('A') + i)}" for i in range(20)]
    rows = [f"{code},wealth,1,2020,2020-12-31,S" for code in [*codes, "ZZ"]]
    rows += [f"{code},debt,{i / 2},2020,2020-12-31,S" for i, code in reversed(list(enumerate(codes)))]
    assert load_country_facts(tmp_path, *rows).as_of(ON).fill_gaps(["debt"]).high.loc["ZZ", "debt"] == 7


def test_a_country_with_few_known_facts_is_no_neighbour(tmp_path: Path) -> None:
    rows = [f"{code},{fact},1,2020,2020-12-31,S" for code in ("AA", "ZZ") for fact in ("wealth", "voice", "law")]
    rows += ["AA,debt,2,2020,2020-12-31,S", "AB,wealth,1,2020,2020-12-31,S", "AB,debt,9,2020,2020-12-31,S"]
    assert load_country_facts(tmp_path, *rows).as_of(ON).fill_gaps(["debt"]).high.loc["ZZ", "debt"] == 2


@pytest.mark.parametrize("changed", [{"partial": "true"}, {"use": '"note"'}])
def test_partial_facts_and_notes_are_never_filled(tmp_path: Path, changed: dict[str, object]) -> None:
    facts = load_country_facts(
        tmp_path, "TH,card,1,2020,2020-12-31,S", descriptions=write_description("country.card", **changed)
    ).as_of(ON)
    with pytest.raises(ValueError, match="card is partial or not scored"):
        facts.fill_gaps(["card"])


def test_the_digest_changes_only_with_scored_facts(tmp_path: Path) -> None:
    scored, note = write_description("country.wealth"), write_description("country.member", use='"note"')
    first = "TH,wealth,4,2020,2021-06-30,An edition"

    def digest(name: str, *rows: str) -> str:
        folder = tmp_path / name
        folder.mkdir()
        return load_country_facts(folder, *rows, descriptions=scored + note).as_of(ON).digest

    alone = digest("alone", first)
    assert digest("again", first) == alone
    assert digest("order", "QA,wealth,1,2020,2021-06-30,E", first) == digest(
        "turned", first, "QA,wealth,1,2020,2021-06-30,E"
    )
    assert digest("later", first, "TH,wealth,5,2026,2027-01-01,Published after the day") == alone
    assert digest("noted", first, "TH,member,1,2025,2025-12-31,A body") == alone
    assert digest("changed", "TH,wealth,5,2020,2021-06-30,An edition") != alone
    assert digest("corrected", first, "TH,wealth,5,2020,2022-06-30,Correction") != alone


def test_only_scored_facts_may_be_read_by_a_model() -> None:
    facts = load_facts()
    assert facts.is_scored("country.wgi_rule_of_law")
    assert not facts.is_scored("country.ilo_c029")
    assert not facts.is_scored("country.population")
    assert not facts.is_scored("country.narnia")


def test_a_good_of_the_sector_is_distinguished_from_the_product() -> None:
    titles = [SHIPPED.get_title(f"{table}.forced_labour") for table in ("goods", "sector_goods")]
    assert titles[1] == f"{titles[0]}, another product of the sector"


def test_a_fact_of_a_flag_has_the_title_of_the_country_fact() -> None:
    assert SHIPPED.get_title("flag.itf_foc") == SHIPPED.get_title("country.itf_foc") == "Flag of convenience"
    assert SHIPPED.get_use("country.migrants_in") == "exposure"


# What the release contains.


def test_facts_known_from_memory_are_never_scored() -> None:
    facts = load_facts()
    for table, rows in facts.rows.items():
        remembered = rows[rows["source"].str.startswith("From memory")]
        assert not [name for name in remembered["fact"].unique() if facts.is_scored(f"{table}.{name}")]
    assert not [i for i in facts.descriptions if i.endswith("_note") and facts.is_scored(i)]


def test_no_ratification_is_scored() -> None:
    facts = load_facts()
    assert not [i for i in facts.descriptions if i.startswith("country.ilo_") and facts.is_scored(i)]
    assert not facts.is_scored("country.psma_party")


def test_every_described_fact_has_rows() -> None:
    facts = load_facts()
    present = {f"{table}.{fact}" for table, rows in facts.rows.items() for fact in rows["fact"].unique()}
    assert present == set(facts.descriptions)


@pytest.mark.parametrize("country", ["TH", "QA", "NA", "TW", "XK", "MY", "BD"])
def test_governance_and_tier_are_known_or_filled_for_destinations_and_origins(country: str) -> None:
    named = ["wgi_voice", "wgi_stability", "wgi_corruption", "wgi_rule_of_law", "inform_risk", "tip_tier"]
    assert SHIPPED.fill_gaps(named).values.loc[country].notna().all()


def test_facts_of_taiwan_without_a_publisher_are_filled_and_marked() -> None:
    filled = SHIPPED.fill_gaps(["inform_risk", "wgi_voice"]).filled
    assert filled.loc["TW"].to_dict() == {"inform_risk": True, "wgi_voice": False}


def test_the_kuwaiti_exit_permit_counts_from_its_day() -> None:
    facts = load_facts()
    assert facts.as_of(date(2025, 6, 30)).get_value("country", "KW", "tied_exit_consent") == 0.5
    assert facts.as_of(date(2025, 7, 1)).get_value("country", "KW", "tied_exit_consent") == 1


def test_a_card_without_evidence_of_its_lifting_is_withdrawn_and_not_zero() -> None:
    assert SHIPPED.get_fact("country", "TW", "eu_iuu_card") is None
    assert SHIPPED.get_value("country", "TH", "eu_iuu_card") == 0
    assert SHIPPED.get_value("country", "VN", "eu_iuu_card") == 1


def test_a_good_that_left_the_list_is_no_longer_known() -> None:
    facts = load_facts()
    assert facts.as_of(date(2021, 1, 1)).get_value("goods", "UZ/cotton", "forced_labour") == 1
    assert SHIPPED.get_fact("goods", "UZ/cotton", "forced_labour") is None


def test_the_number_of_goods_of_a_country_matches_the_goods_table() -> None:
    counted: dict[tuple[str, str], int] = defaultdict(int)
    for (code, fact), _ in SHIPPED.tables["goods"].items():
        counted[code[:2], fact] += 1
    for (code, name), fact in SHIPPED.tables["country"].items():
        if name in ("goods_forced_labour", "goods_child_labour"):
            assert counted[code, name.removeprefix("goods_")] == fact.value, (code, name)


def test_the_number_of_countries_of_a_sector_is_that_of_its_most_listed_good() -> None:
    listed: dict[str, int] = defaultdict(int)
    for (code, fact), _ in SHIPPED.tables["goods"].items():
        listed[code[3:]] += fact == "forced_labour"
    for (sector, name), fact in SHIPPED.tables["sector"].items():
        if name == "listed_countries":
            of_sector = [
                n
                for n, good in SHIPPED.goods.items()
                if any(i.startswith(sector) or sector.startswith(i) for i in good.isic)
            ]
            assert max(listed[name] for name in of_sector) == fact.value, sector


def test_the_parts_of_a_hazard_in_its_source_add_up_to_it() -> None:
    for (sector, name), fact in SHIPPED.tables["sector"].items():
        if name == "hazard" and "percentile" not in fact.source and "only division" not in fact.source:
            parts = [
                float(part.split(" (")[0].split()[-1])
                for part in fact.source.split("; ")
                if part.split(" (")[0][-4] in "01"
            ]
            assert round(min(0.95, sum(parts)), 2) == fact.value, sector


def test_all_88_divisions_and_21_sections_have_a_hazard() -> None:
    assert len(SHIPPED.list_division_hazards()) == 88
    sectors = read_list("sector.csv")
    assert all(SHIPPED.get_sector_hazard(row["code"]) is not None for row in sectors)


def test_sea_fishing_domestic_work_and_construction_have_a_higher_hazard_than_factories_and_offices() -> None:
    hazard = {code: SHIPPED.get_sector_hazard(code) or 0.0 for code in ("0311", "9700", "4100", "2392", "29", "62")}
    assert min(hazard["0311"], hazard["9700"], hazard["4100"], hazard["2392"]) > hazard["29"] > hazard["62"] > 0


def read_list(name: str) -> list[dict[str, str]]:
    with (LISTS / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_country_and_territory_of_iso_3166_and_kosovo_is_in_the_list() -> None:
    assert len(ISO_3166) == 249
    assert sorted(row["code"] for row in read_list("country.csv")) == sorted([*ISO_3166, "XK"])


def test_every_country_of_which_a_fact_is_known_is_in_the_list() -> None:
    known = {row["code"] for row in read_list("country.csv")}
    assert {code for code, _ in SHIPPED.tables["country"]} <= known
    corridors = {end for code, _ in SHIPPED.tables["corridor"] for end in code.split(">")} - {"*"}
    assert corridors | {code[:2] for code, _ in SHIPPED.tables["goods"]} <= known


def test_the_sector_list_holds_all_of_isic() -> None:
    codes = [row["code"] for row in read_list("sector.csv")]
    assert [sum(len(code) == n for code in codes) for n in (1, 2, 3, 4)] == [21, 88, 238, 419]
    assert len(set(codes)) == len(codes)
    assert all(code[:-1] in codes for code in codes if len(code) > 2)


def test_no_synonym_of_a_sector_looks_like_a_code() -> None:
    for row in read_list("sector.csv"):
        assert not [word for word in row["synonyms"].split("|") if word.replace(".", "").isdigit()], row["code"]


def test_each_naics_prefix_and_nace_code_is_listed_once() -> None:
    for column in ("naics", "nace"):
        codes = [code for row in read_list("sector.csv") for code in row[column].split("|") if code]
        assert len(codes) == len(set(codes))


def test_facts_toml_names_the_publisher_and_licence_of_every_fact() -> None:
    entries = tomllib.loads((FACTS_FOLDER / "facts.toml").read_text(encoding="utf-8"))["fact"]
    assert all(entry["publisher"] and entry["licence"] for entry in entries)


# --- facts of method 4


@pytest.mark.parametrize(("compared", "filled"), [("true", 9.0), ("false", 1.0)])
def test_a_fact_that_is_not_compared_finds_no_neighbours(tmp_path: Path, compared: str, filled: float) -> None:
    """DD is near AA to AO by the old fact, and near BA to BO by the new one."""
    near, far = [f"A{letter}" for letter in "ABCDEFGHIJKLMNO"], [f"B{letter}" for letter in "ABCDEFGHIJKLMNO"]
    values = {"DD": (1.0, 9.0, None)} | dict.fromkeys(near, (1.0, 1.0, 1.0)) | dict.fromkeys(far, (2.0, 9.0, 9.0))
    rows = [
        f"{code},{name},{value},2020,2020-01-01,S"
        for code, row in values.items()
        for name, value in zip(("law", "new", "gap"), row, strict=True)
        if value is not None
    ]
    rows += ["ZZ,law,90,2020,2020-01-01,S"]  # makes the distance by the old fact small
    descriptions = write_description("country.law", range="[0, 100]") + write_description("country.gap")
    descriptions += write_description("country.new", compared=compared)
    snapshot = load_facts(write_folder(tmp_path, country=rows, descriptions=descriptions)).as_of(ON)
    assert snapshot.fill_gaps(["gap"]).values.loc["DD", "gap"] == filled


def test_the_facts_of_method_4_do_not_move_what_earlier_models_fill() -> None:
    """Every complete, scored fact that came with method 4 is left out when the nearest countries are sought."""
    first_lines = 12346  # lines of country.csv in release 2026.2
    rows = load_facts().rows["country"]
    old = set(rows[(rows["file"] == "country") & (rows["line"] < first_lines)]["fact"])
    for name, description in SHIPPED.descriptions.items():
        table, _, fact = name.partition(".")
        if table == "country" and fact not in old and description.use == "scored" and not description.partial:
            assert not description.compared, name


def test_share_alike_facts_are_in_a_file_of_their_own() -> None:
    rows = load_facts().rows["country"]
    vdem = rows["fact"].str.startswith("vdem_")
    assert set(rows["file"][vdem]) == {"country_vdem"}
    assert set(rows["file"][~vdem]) == {"country"}
    for name, description in SHIPPED.descriptions.items():
        assert ("BY-SA" in description.licence) == name.startswith("country.vdem_"), name


def test_a_fact_in_two_files_is_refused(tmp_path: Path) -> None:
    folder = write_folder(
        tmp_path, country=["TH,law,1,2020,2020-01-01,S"], descriptions=write_description("country.law")
    )
    (folder / "country_vdem.csv").write_text(f"{HEADER}\nMY,law,1,2020,2020-01-01,S\n", encoding="utf-8")
    with pytest.raises(DataFileError, match="two files"):
        load_facts(folder)


def test_the_law_for_a_trade_is_the_mean_of_its_parts_and_a_reform_counts_from_its_day() -> None:
    before, after = load_facts().as_of(date(2025, 6, 30)), load_facts().as_of(date(2025, 7, 1))
    assert before.get_value("country", "KW", "tied_law_construction") == pytest.approx((1 + 0.5 + 1) / 3, abs=1e-4)
    assert after.get_value("country", "KW", "tied_law_construction") == 1.0
    assert (
        SHIPPED.get_value("country", "SG", "tied_law_construction")
        == 0.5
        < SHIPPED.get_value("country", "SG", "tied_law_domestic")
    )


def test_the_law_for_a_trade_agrees_with_its_parts_in_every_country() -> None:
    parts = ("change_of_employer", "exit_consent", "leaving_penalty")
    for (code, name), fact in SHIPPED.tables["country"].items():
        if name in ("tied_law_general", "tied_law_construction"):
            trade = name.removeprefix("tied_law_")
            found = [
                next((v for v in values if not np.isnan(v)), np.nan)
                for values in (
                    [SHIPPED.get_value("country", code, f"{part}_{trade}"), SHIPPED.get_value("country", code, part)]
                    if trade == "construction" and part == "change_of_employer"
                    else [SHIPPED.get_value("country", code, part)]
                    for part in parts
                )
            ]
            assert fact.value == pytest.approx(float(np.nanmean(found)), abs=1e-4), (code, name)


def test_the_law_at_a_destination_of_an_agency_is_the_strictest_of_the_trades() -> None:
    for (code, name), fact in SHIPPED.tables["corridor"].items():
        if name == "tied_law":
            values = [
                SHIPPED.get_value("country", code.removeprefix("*>"), f"tied_law_{trade}")
                for trade in ("general", "construction", "domestic")
            ]
            assert fact.value == pytest.approx(np.nanmax(values)), code


def test_a_lifted_card_leaves_a_record_and_a_card_in_force_counts_more() -> None:
    values = {code: SHIPPED.get_value("country", code, "fisheries_card") for code in ("CM", "VN", "LK", "KR")}
    assert values == {"CM": 2.0, "VN": 1.5, "LK": 1.0, "KR": 0.5}
    for code, card in [(c, f.value) for (c, n), f in SHIPPED.tables["country"].items() if n == "eu_iuu_card"]:
        expected = {2.0: (2.0,), 1.0: (1.5,), 0.0: (0.5, 1.0)}[card]
        assert SHIPPED.get_value("country", code, "fisheries_card") in expected, code


def test_the_death_rate_is_the_deaths_of_five_years_over_the_population() -> None:
    deaths, people = (SHIPPED.get_value("country", "AF", name) for name in ("conflict_deaths", "population"))
    assert SHIPPED.get_value("country", "AF", "conflict_death_rate") == pytest.approx(
        deaths / 5 / people * 1e5, abs=1e-4
    )
    assert SHIPPED.get_value("country", "TW", "conflict_death_rate") == 0.0


def test_fish_of_a_country_is_listed_exactly_where_a_good_of_the_sea_is_in_the_edition_of_2022() -> None:
    goods = load_facts().rows["goods"]
    fish = {"fish", "dried_fish", "shrimp", "shellfish", "lobsters", "tilapia", "nile_perch"}
    listed = goods[(goods["fact"] == "forced_labour") & (goods["year"] == "2022") & (goods["value"] == 1)]["code"]
    expected = {code[:2] for code in listed if code[3:] in fish}
    known = {code for (code, name), fact in SHIPPED.tables["country"].items() if name == "fish_forced_labour"}
    assert known == expected


def test_every_corridor_of_earlier_models_keeps_a_figure_in_months() -> None:
    for (code, name), fact in SHIPPED.tables["corridor"].items():
        if name == "cost_months":
            months = SHIPPED.get_value("corridor", code, "recruitment_months")
            assert months == pytest.approx(fact.value, abs=0.5), code
