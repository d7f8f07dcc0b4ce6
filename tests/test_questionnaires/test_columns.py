"""Which question a column answers: by its header, in parts or in two languages, and by its values. All names are fictional."""

import pytest

from questionnaires.find_tables import find_layout, find_tables
from questionnaires.form import load_combined_form
from questionnaires.header_words import load_header_words
from questionnaires.issues import UnusableSheet
from questionnaires.tables import TableOptions
from questionnaires.validation.headers import read_header, read_headers
from questionnaires.validation.match import detect_kind, find_header_row, match_columns, propose_columns
from tests.test_questionnaires.tables import build_sheet, build_table

FORMS = {kind: load_combined_form(kind) for kind in ("site", "agency", "case")}
SITE = FORMS["site"]
FACTORIES = [
    "Alder Knit Ltd",
    "Birch Garments Co",
    "Cedar Foods Sdn Bhd",
    "Dune Apparel",
    "Elm Seafood",
    "Fern Textiles",
]
PEOPLE = ["Maria Santos", "Nguyen Van An", "Juan Perez", "Ahmed Hassan", "Siti Aminah", "John Smith"]
COUNTRIES = ["Thailand", "Viet Nam", "Malaysia", "Nepal", "India", "Qatar"]
ASKED = ("?name", "?country", "?address", "?workers_total", "?parent")
BRANDS = ["Nimbus", "Corvid", "Halyard", "Tamarack", "Wolfram", "Zephyrus"]


def match(headers, *columns, form=SITE):
    """Match a sheet of these headers and columns of texts; a text alone fills its column."""
    texts = [[column] * 6 if isinstance(column, str) else column for column in columns]
    return propose_columns(build_sheet([headers, *map(list, zip(*texts, strict=True))]), 1, form)


def get_questions(matched):
    """Return the question of each column, "?question" where it is asked about, and "" for none, in the order of the columns."""
    return [
        reading.question
        if reading.confidence in ("sure", "likely")
        else "?" * (reading.confidence == "ask") + reading.question
        for reading in matched.readings
    ]


HEADERS = {
    "Country / ประเทศ": "country",
    "ชื่อโรงงาน (Factory Name)": "name",
    "厂名 Factory name": "name",
    "Country\nประเทศ": "country",
    "Emp_Name": "name",
    "EMPLOYER_CLIENT_COUNTRY": "country",
    "Supplier Country Code": "country",
    "Factory: Country (ISO)": "country",
    "2. Country": "country",
    "City [optional]": "city",
    "Total workers (2025)": "workers_total",
    "LIFNR": "reference",
    "LAND1": "country",
    "Primary Address Country Code": "country",
    "Address - Country/Region": "country",
    "processing_type_facility_type_raw": "facility_type",
    "amfori ID": "reference",
    "عدد العمال": "workers_total",
    "आपूर्तिकर्ता का नाम": "name",
    "Наименование поставщика": "name",
    "Mã NCC": "reference",
    "Jumlah Karyawan": "workers_total",
    "नारी श्रमिक": "workers_female",
    "Lao động nữ (%)": "female_pct",
    "Migrant workers (%)": "migrant_pct",
    "Owner country": "owner_country",
    "国家 Country": "country",
    "Country国家": "country",
    "Sup. Cd": "reference",
    "Fty Addr.": "address",
    "Name of the factory": "name",
    "What is the name of your company?": "name",
    "In which country is the site located?": "country",
    "How many of them are migrant workers?": "workers_migrant",
    "Workforce / Female": "workers_female",
    "Total no. of employees": "workers_total",
    "No. Wkrs": "workers_total",
    "% Mig.": "migrant_pct",
    "Share of foreign labour": "migrant_pct",
    "Anzahl Mitarbeiter gesamt": "workers_total",
    "Labour Supply Agent(s)": "agencies",
    "contractor_id": "reference",
    "lieferant_id": "reference",
    "hq_city": "city",
    "RegAddress.PostTown": "city",
    "RegAddress.AddressLine1": "address",
    "id_proveedor": "reference",
    "DUNS Nummer": "duns",
    "Address - Region Code": "region",
    "Total employees (peak)": "workers_total",
    "Manpower Supplier(s)": "agencies",
    "Service type": "product",
    "Country Regd.": "country",
    "Comm_Grp_Desc": "sector",
    "supplier.address.0.city": "city",
    "Product 1": "product",
    "VENDORORGANIZATIONNAME": "name",
    "ADDRESSZIPCODE": "postal_code",
    "o/w women": "workers_female",
    "Of which expats": "workers_migrant",
    "Permanent + temporary workers": "workers_total",
    "Workers - temporary/agency": "workers_temporary",
    "Perm. + seas. workers (peak)": "workers_total",
    "Standard Smelter Name": "name",
    "EstName": "name",
    "Number of workers employed by factory (all buildings)": "workers_total",
    "q3_district": "region",
    "q5_lat": "latitude",
    "q7a_n_women": "workers_female",
    "Q10. Where are passports kept?": "papers_retention",
    "Q6. ...of which foreign workers on permit": "workers_migrant",
    "Q7. ...of which supplied by a manpower co.": "workers_temporary",
    "Total staff incl. temps": "workers_total",
    "Workers (incl. agency staff)": "workers_total",
    "Workers / incl. women": "workers_female",
    "HEADCOUNT 31/10/26 / F": "workers_female",
    "HEADCOUNT 31/10/26 / TOT": "workers_total",
    "Ttl W/force": "workers_total",
    "Female Cadre": "workers_female",
    "NIT": "tax_number",
    "ULT_PARENT_NM": "parent",
    "SITE_TWN": "city",
    "Flg": "flag",
    "Basic sal. lowest (QAR p.m.)": "wage",
    "Accom. max capacity": "housing_places",
    "TOTAL HC 30-Jun": "workers_total",
    "Foreign workers (FW)": "workers_migrant",
    "Flag (ISO3)": "flag",
    "Site Code (ZS)": "reference",
    "Address (Factory)": "address",
    "8. Do you use labour agents, contractors or brokers to find workers?": "uses_agencies",
    "Ricorso a cooperative / agenzie (SI/NO)": "uses_agencies",
    "R.F.C.": "tax_number",
    "Legal   wording 名称": "name",
    "Manpower today / of which": None,
    "Q4. Main service or goods supplied to the hotel": "product",
    "Workers (M+F)": "workers_total",
    "Female (No.)": "workers_female",
    "Third-party workers": "workers_temporary",
    "SAP vendor code": "reference",
    "Sedex ID": "reference",
    "Supplier name (as per registration)": "name",
    "1.2 Country of operation": "country",
    "2.2 ...of whom female (%)": "female_pct",
    "Contract / Temporary": "workers_temporary",
    "Avg. no. of workers (own + agency)": "workers_total",
    "상시근로자수(명)": "workers_total",
    "Top. Çal. Say.": "workers_total",
    "Tripul. extranj.": "workers_migrant",
    "Strength (F)": "workers_female",
    "Strength (M)": None,
    "Foreign workers / F": None,
    "Workforce / Male": None,
    "Office staff": None,
    "Workers required": None,
    "Lao động nam": None,
    "n_families": None,
    "Effectif cadre": None,
    "Q7 sales": None,
    "Address company name": None,
    "Female migrant workers": None,
    "Staff no.": None,
    "Company code": None,
    "ID number": None,
    "Code name": None,
    "Emp ID": None,
    "Total production": None,
    "Foreign": None,
    "Your name": None,
    "Worker name": None,
    "Permanent workers": None,
    "No. of agencies": None,
    "Place of registration": None,
    "Supplier status": None,
    "Client country": None,
    "DOSH no": None,
    "Contact of the agent's worker": None,
}


@pytest.mark.parametrize("header", HEADERS)
def test_a_header_is_understood_in_two_languages_and_with_words_around_it(header):
    reading = read_header(header, SITE)
    assert (reading and reading.questions) == (HEADERS[header] and (HEADERS[header],))
    assert reading is None or not reading.doubtful


@pytest.mark.parametrize(
    "header",
    [
        "Reg no (DOSH)",
        "Brand / Country",
        "Name and address",
        "Nationality",
        "Country of origin",
        "Payment method",
        "Department",
        "Brand name",
        "Category",
        "Marca",
    ],
)
def test_a_header_that_is_understood_in_part_is_doubtful(header):
    assert read_header(header, SITE).doubtful


def test_the_listed_headers_name_one_question_each_as_the_forms_do():
    for kind, headers in load_header_words().headers.items():
        form = FORMS[kind]
        own = {word: question for word, (rank, question) in form.headers.items() if rank < 3}
        assert {word for word, question in headers.items() if own.get(word, question) != question} == set()
        assert kind == "agency" or set(headers.values()) <= form.by_id.keys()


OWN_WORDS = {
    "in French": (
        ["fou_code", "fou_nom", "fou_ville", "fou_pays", "fou_actif"],
        ["reference", "name", "city", "country", ""],
    ),
    "of a table": (["tblSupplier_ID", "tblSupplier_Name", "tblSupplier_Web"], ["reference", "name", "website"]),
    "of a few columns": (["ginunion_id", "ginunion_name", "crop"], ["reference", "name", "product"]),
    "of a purchasing suite": (
        [
            "Supplier: Name",
            "Supplier: Corporate Address - Street",
            "Supplier: Commodity (L2)",
            "Supplier: Payment Terms",
        ],
        ["name", "address", "product", ""],
    ),
    "beside another name": (["Supplier", "hub_name", "hub_city"], ["name", "", ""]),
    "of other people": (["customer_id", "customer_name", "customer_city"], ["", "", ""]),
}


@pytest.mark.parametrize("case", OWN_WORDS)
def test_a_word_that_a_sheet_puts_before_its_headers_is_left_out_unless_it_is_about_others(case):
    headers, questions = OWN_WORDS[case]
    readings = read_headers(headers, SITE)
    assert [reading.questions[0] if reading else "" for reading in readings] == questions


BESIDE = {
    "a type in a list of vessels": (
        ["Vessel", "Flag", "Type"], [BRANDS, COUNTRIES, ["Longliner", "Purse seiner"] * 3], "vessel_type",
    ),
    "a type in a list of factories": (["Factory", "Country", "Type"], [FACTORIES, COUNTRIES, ["A", "B"] * 3], ""),
    "a country where vessels are registered": (
        ["Vessel", "IMO", "Country of registration"], [BRANDS, ["9074729"] * 6, COUNTRIES], "flag",
    ),
    "trades that are sectors": (["Subcontractor", "Trade"], [FACTORIES, ["Plumbing", "Demolition", "HVAC"] * 2], "sector"),
    "trades that are none": (["Subcontractor", "Trade"], [FACTORIES, ["Fixing", "Rigging", "Screeding"] * 2], "product"),
    "short for country": (["Factory", "Cty"], [FACTORIES, COUNTRIES], "country"),
    "short for city": (["Factory", "Cty"], [FACTORIES, BRANDS], "city"),
    "where goods come from": (["Factory", "Country of origin"], [FACTORIES, COUNTRIES], "country"),
    "where goods come from beside a country": (
        ["Factory", "Country", "Country of origin"], [FACTORIES, COUNTRIES, COUNTRIES], "?worker_origin_countries",
    ),
    "cities under the location": (["Factory", "Location"], [FACTORIES, ["Dhaka", "Hanoi", "Jakarta"] * 2], "city"),
    "companies under an industry": (["Country", "Name of industry"], [COUNTRIES, [f"{n} Ltd" for n in BRANDS]], "name"),
    "companies that supply goods": (
        ["Factory", "Raw material supplier"], [FACTORIES, [f"{n} Ltd" for n in BRANDS]], "?product",
    ),
    "the kind of a hostel": (["Factory", "Hostel"], [FACTORIES, ["Company dormitory", "Rented rooms"] * 3], "housing_type"),
    "the beds of a hostel": (
        ["Factory", "Hostel / Asrama / Cap. (pax)"], [FACTORIES, [f"{n}0" for n in range(1, 7)]], "housing_places",
    ),
    "how many hostels there are": (["Factory", "Hostel"], [FACTORIES, [f"{n}0" for n in range(1, 7)]], "?housing"),
    "the tonnage of vessels": (["Vessel", "Flag", "TRN"], [BRANDS, COUNTRIES, [f"{n}08" for n in range(1, 7)]], "?tax_number"),
    "countries of an address": (["Factory", "Country (site address)"], [FACTORIES, COUNTRIES], "country"),
    "addresses under a seat": (["Factory", "Firmensitz"], [FACTORIES, [f"Ringstr. {n}, Ulm" for n in range(6)]], "address"),
    "phone numbers under a code of the post": (
        ["Fabrika", "Cep"], [FACTORIES, [f"+90 532 111 22 3{n}" for n in range(6)]], "?postal_code",
    ),
    "whether there are agencies": (["Factory", "Labour agency"], [FACTORIES, ["Yes", "No"] * 3], "uses_agencies"),
    "numbers that are no share": (
        ["Factory", "% or no. of women"], [FACTORIES, ["310", "55", "200", "90", "120", "75"]], "workers_female",
    ),
    "groups of suppliers": (
        ["Supplier", "Supplier group"], [FACTORIES, ["Direct", "Indirect"] * 3], "?parent",
    ),
    "numbers of the rows under the item": (["Factory", "Country", "Item"], [FACTORIES, COUNTRIES, list("123456")], ""),
    "jobs under the position": (
        ["Factory", "Country", "Position"], [FACTORIES, COUNTRIES, ["Director", "Owner"] * 3], "?workers_migrant",
    ),
    "companies under the name of a person": (
        ["Factory", "Country", "Liaison officer / Name"], [FACTORIES, COUNTRIES, BRANDS], "?name",
    ),
    "people on board": (["F/V", "I.M.O.", "# POB"], [BRANDS, ["9074729"] * 6, ["21", "18", "25"] * 2], "workers_total"),
    "call signs": (["F/V", "Flg", "C/S"], [BRANDS, COUNTRIES, [f"3DF7{n}" for n in range(6)]], "call_sign"),
    "an owner away from vessels": (["Factory", "Owner"], [FACTORIES, BRANDS], "?owner"),
    "an owner away from vessels in Thai": (["Factory", "เจ้าของ"], [FACTORIES, BRANDS], "?owner"),
    "an owner of vessels": (["Vessel", "Flag", "Owner"], [BRANDS, COUNTRIES, FACTORIES], "owner"),
    "the company of vessels": (["Vessel", "Flag", "Company"], [BRANDS, COUNTRIES, FACTORIES], "owner"),
    "a register's number beside a national one": (
        ["Vessel", "Flag", "National registration number", "WCPFC VID"],
        [BRANDS, COUNTRIES, [f"CT7-{n}" for n in range(6)], [f"{1200 + n}" for n in range(6)]], "reference",
    ),
    "a register's number alone": (
        ["Vessel", "Flag", "WCPFC VID"], [BRANDS, COUNTRIES, [f"{1200 + n}" for n in range(6)]], "fleet_register_number",
    ),
    "a nationality beside migrant workers": (
        ["Factory", "Migrant workers", "Nationality"],
        [FACTORIES, ["4", "8", "15"] * 2, ["Nepalese", "Filipinos", "Indonesian"] * 2], "worker_origin_countries",
    ),
    "a word for countries in Polish": (["Factory", "Kraj"], [FACTORIES, COUNTRIES], "country"),
    "the same word for regions in Czech": (["Factory", "Kraj"], [FACTORIES, ["Středočeský kraj"] * 6], "region"),
    "a district in a state": (["Factory", "State", "District"], [FACTORIES, BRANDS, BRANDS[::-1]], "city"),
    "women of the workers": (["Factory", "Workers", "o/w women"], [FACTORIES, ["40"] * 6, ["4"] * 6], "workers_female"),
    "women of those who are no workers": (
        ["Factory", "Nombre de producteurs", "dont femmes"], [FACTORIES, ["40"] * 6, ["4"] * 6], "?workers_female",
    ),
    "the total of groups of workers": (
        ["Factory", "Staff", "Labour", "Manpower / Total"], [FACTORIES, ["4"] * 6, ["9"] * 6, ["13"] * 6], "workers_total",
    ),
    "amounts under the lowest pay": (
        ["Factory", "Salario mínimo pagado"], [FACTORIES, ["278", "300", "315"] * 2], "wage",
    ),
    "a number that somebody gave to each row": (
        ["RFMO ID", "Vessel", "Flag"], [[f"R-{n}" for n in range(6)], BRANDS, COUNTRIES], "reference",
    ),
    "a number of something else": (
        ["Tender no", "Supplier", "Country"], [[f"C-{n}" for n in range(6)], FACTORIES, COUNTRIES], "",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BESIDE)
def test_values_and_other_columns_say_what_a_header_means(case):
    headers, columns, question = BESIDE[case]
    own = 0 if headers[0].endswith((" ID", " no")) else len(headers) - 1
    assert get_questions(match(headers, *columns))[own] == question


SEVERAL = {
    "the kind that says most": (["Factory", "PAN", "GSTIN"], "tax_number", 2),
    "the first of a series": (["Factory", "Product 1", "Product 2"], "product", 1),
    "the first telephone": (["Factory", "Phone", "Mobile"], "contact_phone", 1),
    "words before codes": (["Factory", "HS code", "Goods"], "product", 2),
}


@pytest.mark.parametrize("case", SEVERAL)
def test_of_several_columns_for_one_question_the_better_or_first_is_read_unasked(case):
    headers, question, column = SEVERAL[case]
    codes = [f"{7000 + n}" for n in range(6)]
    matched = match(headers, FACTORIES, codes, BRANDS if headers[2] == "Goods" else [f"{code}9" for code in codes])
    assert matched.columns[question] == column
    assert not [issue for issue in matched.issues if issue.code == "schema.duplicate_column"]


def test_of_two_names_the_one_in_another_script_is_the_local_name():
    local = ["โชคอนันต์", "ทรัพย์ทวี", "โพธิ์แก้ว", "สมุทร", "ลำปาง", "ระนอง"]
    matched = match(["ชื่อโรงงาน", "Factory name", "Country"], local, FACTORIES, COUNTRIES)
    assert get_questions(matched) == ["name_local", "name", "country"]


CONTRADICTED = {
    "brands under a word for country": ("Land", BRANDS, "country"),
    "brands under the plain word for country": ("Country", BRANDS, "country"),
    "people under the name": ("Name", PEOPLE, "name"),
    "addresses under the establishment": ("Establishment", [f"Road {n}, km {n + 2}, Pará" for n in range(6)], "name"),
    "marks under the category": ("Category", ["AAA", "AA", "B", "C1", "AAA", "B"], "sector"),
    "people under the employer": ("Employer", PEOPLE, "name"),
    "people under the number of staff": ("Staff", PEOPLE, "workers_total"),
    "yes and no under the migrant workers": ("Migrant workers (Y/N)", ["Y", "N", "N"] * 2, "workers_migrant"),
    "jobs under the number of positions": ("Positions", ["Cook", "Driver", "Packer"] * 2, "workers_migrant"),
    "letters under the category": ("Category", ["A", "B", "C", "A", "B", "C"], "sector"),
    "countries under the location": ("Location", COUNTRIES, "address"),
    "parts of the world under the region": ("Region", "South Asia", "region"),
    "a status under the state": ("State", ["Active", "Inactive", "Active", "Active", "Inactive", "Active"], "region"),
    "dates under the company number": ("Company no", ["2020-01-01", "2021-02-02", "2022-03-03"] * 2, "registration_number"),
    "addresses of pages under the parent": ("Group", [f"https://example.org/{n}" for n in range(6)], "parent"),
}  # fmt: skip


@pytest.mark.parametrize("case", CONTRADICTED)
def test_a_column_whose_values_contradict_its_header_is_never_read_unasked(case):
    header, values, question = CONTRADICTED[case]
    matched = match(["Reference", header], [f"S-{n}" for n in range(6)], values)
    assert get_questions(matched) == ["reference", f"?{question}"]
    assert [(issue.code, issue.seen, issue.cell) for issue in matched.issues] == [("schema.values", header, "B1")]


def test_the_column_that_the_values_fit_is_read_instead():
    matched = match(["Factory", "Region", "State"], FACTORIES, "N Asia", "Johor")
    assert get_questions(matched) == ["name", "?region", "region"]


def test_nationalities_are_asked_about_unless_a_cell_holds_several():
    asked = match(["Company", "Nationality"], FACTORIES, COUNTRIES)
    assert get_questions(asked) == ["name", "?worker_origin_countries"]
    assert [issue.code for issue in asked.issues] == ["schema.unclear"]
    several = match(["Company", "Nationality"], FACTORIES, ["Nepal; India", *COUNTRIES[1:]])
    assert get_questions(several) == ["name", "worker_origin_countries"]


def test_a_word_for_suppliers_invoices_is_asked_about_whatever_the_values_are():
    matched = match(
        ["Supplier Name", "Payment Method"], FACTORIES, ["Wire", "Check", "Bank transfer", "Cash", "Wire; Cash", "Wire"]
    )
    assert get_questions(matched) == ["name", "?pay_method"]


def test_names_of_agencies_under_the_question_whether_agencies_are_used_are_those_of_agencies():
    sheet = build_sheet([["Factory", "Agency used"], ["Alder Knit Ltd", "Himal Manpower"], ["Birch Foods", ""]])
    assert get_questions(propose_columns(sheet, 1, SITE)) == ["name", "agencies"]


@pytest.mark.parametrize(
    "headers",
    [
        ["Legal Name", "Country", "Audit Date", "Valid until"],
        ["Company Name", "Country of Origin", "Website"],
    ],
)
def test_one_header_of_the_agency_form_makes_no_list_of_agencies(headers):
    assert detect_kind(headers, "Business partners", FORMS) == "site"


@pytest.mark.parametrize("header", ["Status", "Current status", "CompanyStatus", "URN"])
def test_a_status_or_number_of_any_company_makes_no_list_of_agencies(header):
    assert detect_kind(["Company name", "Country", header], "Sheet1", FORMS) == "site"


def test_a_title_says_that_licences_are_those_of_contractors():
    headers = ["License no.", "Name of firm", "Address", "License validity"]
    assert detect_kind(headers, "Sheet1", FORMS, "List of licensed contractors") == "site"
    assert detect_kind(headers, "Sheet1", FORMS, "List of licensed farm labor contractors") == "agency"
    assert detect_kind(headers, "Sheet1", FORMS, "Licensed firms") == "agency"


def test_a_list_with_licence_numbers_is_one_of_agencies():
    assert detect_kind(["Name", "Country", "Licence number"], "Sheet1", FORMS) == "agency"
    register = ["Business name", "Trading name", "Address", "Country", "Licence status", "Sectors"]
    assert detect_kind(register, "Sheet1", FORMS) == "agency"
    assert detect_kind([*register, "Products"], "Sheet1", FORMS) == "site"


def test_a_sheet_that_cannot_be_read_yet_shows_the_columns_that_are_understood():
    rows = [["Betreff", "Country", "Total workers"], *([f"Text {number}", "Thailand", "120"] for number in range(4))]
    (layout,) = find_layout([build_sheet(rows)], "list.xlsx", TableOptions("2026-11-28")).sheets
    (table,) = layout.tables
    assert not layout.read
    assert [header.question for header in table.headers] == ["", "country", "workers_total"]


def test_a_vendor_beside_a_factory_is_what_the_factory_belongs_to():
    matched = match(["Vendor", "Factory name", "Country"], "Gamma Trading", FACTORIES, COUNTRIES)
    assert get_questions(matched) == ["parent", "name", "country"]
    assert [(issue.code, issue.severity) for issue in matched.issues] == [("schema.read_as", "info")]


@pytest.mark.parametrize("site", ["Estate / Garden", "Manufacturing location name"])
def test_the_site_is_read_before_its_supplier_also_where_its_header_is_understood_in_parts(site):
    assert get_questions(match(["Supplier", site], "Gamma Trading", FACTORIES)) == ["parent", "name"]


def test_a_country_and_its_code_are_no_tie():
    matched = match(["Factory", "Country name", "ISO code"], FACTORIES, ["Thailand", "Viet Nam"] * 3, ["TH", "VNM"] * 3)
    assert get_questions(matched) == ["name", "country", ""]


def test_one_column_answers_two_questions_about_a_place():
    sheet = build_table(
        "| Factory | City, Country |\n| A | Dhaka, Bangladesh |\n| B | Hue, Viet Nam |\n| C | Penang, Malaysia |"
    )
    (table,) = find_tables([sheet], "list.csv", TableOptions("2026-01-01")).tables
    answers = table.submission.answers
    assert answers["country"].values == ["BD", "VN", "MY"]
    assert answers["city"].values == ["Dhaka", "Hue", "Penang"]
    assert table.submission.issues[0].code == "schema.read_as"


def test_a_column_map_may_name_one_header_for_two_questions_about_a_place_and_no_others():
    sheet = build_table("| Factory | Place |\n| A | Dhaka, Bangladesh |")
    matched = match_columns(sheet, 1, SITE, {"city": "Place", "country": "Place"})
    assert (matched.columns["city"], matched.columns["country"]) == (1, 1)
    with pytest.raises(UnusableSheet, match="assigned to two questions"):
        match_columns(sheet, 1, SITE, {"name": "Factory", "parent": "Factory"})


def test_a_misspelt_header_is_read_where_the_values_agree():
    matched = match(["Supplier", "Cauntry name", "Streat address"], FACTORIES, COUNTRIES, "1 Mill Road")
    assert get_questions(matched) == ["name", "country", "?address"]
    assert [(issue.code, issue.cell) for issue in matched.issues] == [
        ("schema.read_as", "B1"),
        ("schema.near_miss", "C1"),
    ]


def test_a_header_with_a_slip_of_the_keys_is_read_unless_the_values_contradict():
    matched = match(["Suplier Nmae", "Contry", "Adress", "Numer of wokers"], FACTORIES, COUNTRIES, "1 Mill Road", "80")
    assert get_questions(matched) == ["name", "country", "address", "workers_total"]
    assert {issue.code for issue in matched.issues} == {"schema.read_as"}
    assert get_questions(match(["Supplier", "Contry"], FACTORIES, BRANDS)) == ["name", "?country"]


@pytest.mark.parametrize("header", ["Patent", "Factor", "Address 2", "Country B", "Ex-supplier", "Number of markets"])
def test_another_word_is_no_slip_of_the_keys(header):
    assert get_questions(match(["Reference", header], [f"S-{n}" for n in range(6)], FACTORIES))[1] in ("", *ASKED)
    assert get_questions(match(["Reference", header], [f"S-{n}" for n in range(6)], "12"))[1] in ("", *ASKED)


def test_a_word_for_a_group_of_people_counts_them_unless_the_numbers_may_be_per_cent():
    assert (
        get_questions(match(["Factory", "Female"], FACTORIES, ["340", "90", "12", "7", "55", "60"]))[1]
        == "workers_female"
    )
    assert (
        get_questions(match(["Factory", "Female"], FACTORIES, ["34", "90", "12", "7", "55", "60"]))[1]
        == "?workers_female"
    )
    assert get_questions(match(["Factory", "Female"], FACTORIES, ["34%", "90%", "12%"] * 2))[1] == "female_pct"


def test_a_number_of_people_with_a_word_that_is_not_understood_is_asked_about():
    matched = match(["Factory", "Workers (interviewed)"], FACTORIES, ["12", "30", "25", "8", "14", "20"])
    assert get_questions(matched) == ["name", "?workers_total"]


def test_coordinates_with_other_words_are_read():
    matched = match(
        ["Factory", "GPS Coordinate (Latitude)"], FACTORIES, ["23.91", "24.0", "22.3", "21.7", "23.5", "24.4"]
    )
    assert get_questions(matched) == ["name", "latitude"]


def test_numbers_under_a_word_for_suppliers_are_their_reference_beside_their_names():
    numbers = [f"10{number}" for number in range(6)]
    assert get_questions(match(["Vendor", "Name 1"], numbers, FACTORIES)) == ["reference", "name"]
    assert get_questions(match(["Vendor", "Name 1"], ["101", "102", "103"] * 2, FACTORIES)) == ["?name", "name"]


@pytest.mark.parametrize(
    "values", [["1", "2", "3", "4", "5", "6"], ["0", "1", "2", "3", "4", "5"], ["A", "A", "B", "C", "D", "E"]]
)
def test_a_column_that_only_numbers_or_groups_the_rows_is_no_reference(values):
    assert get_questions(match(["ID", "Factory"], values, FACTORIES)) == ["", "name"]
    assert (
        get_questions(match(["ID", "Factory"], ["F-7", "F-8", "G-1", "G-2", "H-1", "H-3"], FACTORIES))[0] == "reference"
    )


def test_of_two_references_that_of_the_site_is_read():
    matched = match(
        ["Supplier ID", "Factory ID", "Factory"], [f"S-{n}" for n in range(6)], [f"F-{n}" for n in range(6)], FACTORIES
    )
    assert matched.columns["reference"] == 1


def test_of_two_parts_of_a_country_the_wider_one_is_the_region():
    matched = match(
        ["Factory", "District", "Province"], FACTORIES, ["Siak", "Kunak", "Miri"] * 2, ["Riau", "Sabah"] * 3
    )
    assert matched.columns["region"] == 2


def test_codes_of_countries_under_the_word_region_are_asked_about_unless_a_country_is_given():
    codes = ["SG", "DE", "CN", "JP", "KR", "MY"]
    assert get_questions(match(["Supplier", "Region"], FACTORIES, codes)) == ["name", "?region"]
    assert get_questions(match(["Supplier", "Region", "Country"], FACTORIES, codes, "Brazil"))[1:] == [
        "region",
        "country",
    ]


def test_the_country_of_headquarters_is_that_of_suppliers_and_may_not_be_that_of_their_sites():
    assert get_questions(match(["Supplier", "HQ country"], FACTORIES, COUNTRIES)) == ["name", "country"]
    assert get_questions(match(["Factory", "HQ country"], FACTORIES, COUNTRIES)) == ["name", "?country"]


@pytest.mark.parametrize("values", [["NA-East", "NA-West", "EMEA-Europe"], ["Activo", "Inactivo", "Activo"]])
def test_a_part_of_the_world_or_a_status_is_no_region(values):
    assert get_questions(match(["Supplier", "Region"], FACTORIES, values * 2)) == ["name", "?region"]


def test_a_legal_form_is_no_sector():
    forms = ["Private limited company", "Public limited company", "Partnership"] * 2
    assert get_questions(match(["Factory", "Company category"], FACTORIES, forms)) == ["name", "?sector"]


def test_few_plants_beside_suppliers_that_occur_once_are_not_the_rows_as_the_buyers_may_be_meant():
    plants = ["Plant North", "Plant South"] * 3
    assert get_questions(match(["Supplier", "Primary plant"], FACTORIES, plants)) == ["name", ""]
    assert get_questions(match(["Supplier", "Plant"], plants, FACTORIES)) == ["parent", "name"]


def test_the_registration_number_of_a_vessel_is_not_that_of_a_company():
    numbers, signs = [f"CT7-{n}" for n in range(6)], [f"BI24{n}" for n in range(6)]
    vessels = match(["Name of vessel", "Registration number", "Call sign"], BRANDS, numbers, signs)
    assert get_questions(vessels) == ["name", "fleet_register_number", "call_sign"]
    assert get_questions(match(["Factory", "Registration number"], FACTORIES, numbers))[1] == "registration_number"


def test_a_contact_is_a_phone_number_or_a_company_where_the_values_are():
    numbers = [f"987654320{n}" for n in range(6)]
    assert get_questions(match(["Factory", "Contact"], FACTORIES, numbers)) == ["name", "contact_phone"]
    licences = [f"AGRI000{n}" for n in range(6)]
    agencies = match(["Licence holder", "Licence number"], FACTORIES, licences, form=FORMS["agency"])
    assert get_questions(agencies) == ["name", "licence_number"]


def test_codes_of_states_are_states_also_where_countries_have_the_same():
    assert get_questions(match(["Factory", "State"], FACTORIES, ["PA", "MA", "CA", "GA", "IN", "AL"])) == [
        "name",
        "region",
    ]


def test_a_date_beside_the_number_of_a_licence_is_that_of_the_licence():
    form, dates = FORMS["agency"], ["2027-01-01", "2027-02-01", "2027-03-01"] * 2
    licences = [f"L-{n}" for n in range(6)]
    beside = match(["Agency", "Licence no", "Valid until"], FACTORIES, licences, dates, form=form)
    assert get_questions(beside)[2] == "licence_expiry"
    apart = match(
        ["Agency", "Licence no", "Last audit", "Valid until"], FACTORIES, licences, "2026-01-01", dates, form=form
    )
    assert get_questions(apart)[3] == "?licence_expiry"


def test_workers_of_an_agency_are_those_that_it_placed_only_where_they_are_counted():
    assert read_header("Current workers", SITE).questions == ("workers_total",)
    assert read_header("Current workers", FORMS["agency"]) is None
    assert read_header("Number of staff", FORMS["agency"]) is None
    assert read_header("Number of workers", FORMS["agency"]).questions == ("workers_total",)


def test_several_countries_of_operation_are_those_that_an_agency_sends_workers_to():
    several = ["Kuwait; Qatar", "Qatar; Oman", "Kuwait; Oman"] * 2
    for countries, question in ((several, "destination_countries"), (COUNTRIES, "country")):
        matched = match(["Agency", "Country of operation"], FACTORIES, countries, form=FORMS["agency"])
        assert get_questions(matched) == ["name", question]


def test_names_of_companies_are_the_names_of_rows_beside_those_of_people():
    headers = ["ชื่อบริษัท", "ผู้รับอนุญาต", "เลขที่ใบอนุญาต"]
    companies, people = [f"บริษัท {name} จำกัด" for name in BRANDS], ["สมชาย ใจดี", "มาลี สุขใจ", "วิชัย ทองดี"] * 2
    matched = match(headers, companies, people, [f"L-{n}" for n in range(6)], form=FORMS["agency"])
    assert get_questions(matched) == ["name", "", "licence_number"]
    assert matched.readings[1].samples == ()


def test_each_register_has_words_of_its_own_for_the_status_of_a_licence():
    statuses = ["Active", "Blacklisted", "Ceased"] * 2
    matched = match(
        ["Agency", "Licence no", "Status"], FACTORIES, [f"L-{n}" for n in range(6)], statuses, form=FORMS["agency"]
    )
    assert get_questions(matched) == ["name", "licence_number", "licence_status"]


def test_an_amount_of_money_is_no_kind_of_charge():
    matched = match(["Agency", "Security deposit"], FACTORIES, ["50000", "75000", "90000"] * 2, form=FORMS["agency"])
    assert get_questions(matched) == ["name", "?illegitimate_charges"]


def test_a_word_for_parts_of_a_country_and_for_a_status_is_the_latter_beside_a_licence():
    statuses = ["Valid", "Suspended", "Expired"] * 2
    matched = match(
        ["Agencia", "Licencia", "Estado"], FACTORIES, [f"L-{n}" for n in range(6)], statuses, form=FORMS["agency"]
    )
    assert get_questions(matched) == ["name", "licence_number", "licence_status"]


def test_bare_words_beside_the_number_of_a_licence_are_about_the_licence():
    dates = ["2027-01-01", "2027-02-01", "2027-03-01"] * 2
    licences, statuses = [f"L-{n}" for n in range(6)], ["Valid", "Suspended"] * 3
    headers = ["Agency", "RL", "Issue date", "Renewed upto", "Status"]
    matched = match(headers, FACTORIES, licences, ["2020-01-01", "2021-02-03", "2022-03-04"] * 2, dates, statuses,
                    form=FORMS["agency"])  # fmt: skip
    assert get_questions(matched) == ["name", "licence_number", "licence_since", "licence_expiry", "licence_status"]


def test_identifiers_with_valid_check_digits_are_read_under_any_header():
    leis = ["529900T8BM49AURSDO55", "5493001KJTIIGC8Y1R12", "7LTWFZYICNSX8D621K86"] * 2
    assert get_questions(match(["Supplier", "Code"], FACTORIES, leis)) == ["name", "lei"]


def test_what_somebody_chose_is_read_whatever_the_values_say():
    sheet = build_sheet([["Factory", "Land"], *([name, brand] for name, brand in zip(FACTORIES, BRANDS, strict=True))])
    matched = match_columns(sheet, 1, SITE, {"country": "Land"})
    assert (matched.columns["country"], matched.issues) == (1, ())


def test_a_filled_form_of_ours_is_read_by_its_headers_alone():
    sheet = build_sheet([["Site name", "Country"], *([name, "?!"] for name in PEOPLE)], stamp="site 2026.4")
    assert get_questions(match_columns(sheet, 1, SITE)) == ["name", "country"]


def test_three_values_show_what_a_column_contains_but_never_of_persons():
    matched = match(["Factory", "Contact person", "Remarks"], FACTORIES, PEOPLE, PEOPLE)
    samples = {reading.header: reading.samples for reading in matched.readings}
    assert samples == {"Factory": tuple(FACTORIES[:3]), "Contact person": (), "Remarks": ()}


def test_a_sheet_without_a_name_says_what_may_be_one_instead_of_ending():
    matched = match(["Name", "Country"], PEOPLE, COUNTRIES)
    assert get_questions(matched) == ["?name", "country"]
    with pytest.raises(UnusableSheet):
        match_columns(build_sheet([["Name", "Country"], *([name, "TH"] for name in PEOPLE)]), 1, SITE)


EXPORTS = {
    "SAP": "LIFNR reference | NAME1 name | LAND1 country | ORT01 city | PSTLZ postal_code | STRAS address | KTOKK -",
    "Coupa": "Supplier Number reference | Name name | Primary Address Country Code country | Tax ID tax_number | Status -",
    "Ariba": "ERP Vendor ID reference | Supplier Name name | Address - Country/Region country | Address - City city",
    "Sedex": "Site Reference reference | Site Name name | Country country | Company Name parent | Site function facility_type",
    "Higg": "Higg ID reference | Facility Name name | Facility Country country | Facility Type facility_type",
    "amfori": "amfori ID reference | Legal name name | Country country | Site Address address | Main product product",
    "Open Supply Hub": "os_id reference | name name | country_name country | parent_company parent | is_closed -",
}
VALUES = {"reference": "S-1", "name": "Alder Knit Ltd", "country": "Thailand", "": "KRED"}


@pytest.mark.parametrize("system", EXPORTS)
def test_the_headers_of_common_exports_are_understood(system):
    pairs = [entry.strip().rpartition(" ") for entry in EXPORTS[system].split("|")]
    headers, questions = [pair[0] for pair in pairs], [pair[2].strip("-") for pair in pairs]
    rows = [[VALUES.get(question, f"Text {number}") for question in questions] for number in range(4)]
    sheet = build_sheet([headers, *rows])
    assert find_header_row(sheet, FORMS.values()) == 1
    assert detect_kind(headers, "Sheet1", FORMS) == "site"
    assert get_questions(match_columns(sheet, 1, SITE)) == questions
