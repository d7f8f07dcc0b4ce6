"""Write the demo files, as a buyer of seafood and construction work might really send them. They are messy on purpose.

Every company, vessel and agency in the demo is fictional and marked as such in its name, in its own script if necessary. The
files contain title rows above the header, countries in many spellings (one of which is no country), placeholders, percentages as
text, dates in many formats, declined answers, returned forms with blanks, an address that looks like a formula, unknown
columns, a row of totals, and evidence for individual answers. The agencies are in ``agencies.py``, the smaller files in
``records.py``.

Run ``python demo/make_demo.py`` to write all files again; the result is always the same, byte for byte.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import agencies
import records
import xlsxwriter

HERE = Path(__file__).parent
WORKBOOK = HERE / "seafood_and_construction_buyer.xlsx"

Cell = str | int | float | date
Row = Mapping[str, Cell]

# ------------------------------------------------------------------------------------- how three kinds of supplier answer
# The best suppliers asked their workers; typical ones state what they know. The keys are the buyer's own headers.


def omit_answers(answers: Row, *headers: str) -> Row:
    """Return the answers except those under the given headers."""
    return {header: value for header, value in answers.items() if header not in headers}


# fmt: off
VERIFIED: Row = {
    "Recruitment fees": "None, checked with workers", "Debt": "none, workers asked",
    "Bonded labour": "none verified", "Contract as promised": "Yes, workers asked",
    "Written contract": "own language", "Agency checks": "all checked", "Months since last check": 3,
    "Fees repaid": "none found", "Who keeps passports?": "Workers hold", "Free to leave site": "free",
    "Phones allowed": "always", "Free to resign": "no penalty", "Can change employer": "yes",
    "State labour programme": "none, traced", "Wages paid on time": "in full", "Minimum wage met": "Yes",
    "Deductions": "statutory only", "Voluntary overtime": "free to refuse", "Max weekly hours": 45,
    "Health and safety": "good", "Accommodation": "inspected", "Under 18": "none, age verified",
    "Violence": "none, workers asked", "Threats": "none, workers asked",
    "Grievance mechanism": "independent hotline", "Trade union": "union", "Retaliation": "none, workers asked",
    "Subcontracting": "none", "Audit coaching": "none, off-site interviews",
}

SELF_DECLARED: Row = {
    "Recruitment fees": "No", "Debt": "no", "Bonded labour": "No", "Contract as promised": "yes",
    "Written contract": "Yes", "Agency checks": "licence only", "Months since last check": 10,
    "Fees repaid": "not looked into", "Who keeps passports?": "workers", "Free to leave site": "YES",
    "Phones allowed": "yes", "Free to resign": "notice period", "Can change employer": "yes",
    "State labour programme": "no", "Wages paid on time": "mostly on time", "Minimum wage met": "yes",
    "Deductions": "agreed in writing", "Voluntary overtime": "expected", "Max weekly hours": 58,
    "Health and safety": "minor gaps", "Accommodation": "not inspected", "Under 18": "No",
    "Violence": "none reported", "Threats": "no", "Grievance mechanism": "zero complaints", "Trade union": "no",
    "Retaliation": "no", "Subcontracting": "declared", "Audit coaching": "no",
}

VERIFIED_AT_SEA: Row = {
    **omit_answers(VERIFIED, "Max weekly hours"), "Accommodation": "good", "IUU list": "No", "Identity clear": "yes",
    "Crew recruitment": "direct", "Deposit": "none", "Crew contract": "complete", "Youngest aboard": 24,
    "Crew list": "aboard and ashore", "Medical care": "yes", "Repatriation": "owner", "Crew losses": "none",
    "Months at sea": 0.5, "Transshipment": "never", "AIS": "always on", "Rest hours per day": 11,
    "Rest hours per week": 80, "Wifi for crew": "free wifi", "Pay system": "wage and share",
    "Pay sent home": "own account", "Observer on board": "observer and inspection", "Insurance": "insured",
}

SELF_DECLARED_AT_SEA: Row = {
    **omit_answers(SELF_DECLARED, "Max weekly hours"), "IUU list": "no", "Identity clear": "yes",
    "Crew recruitment": "licensed manning agent", "Deposit": "no", "Crew contract": "incomplete",
    "Youngest aboard": 19, "Crew list": "aboard only", "Medical care": "first aid only",
    "Repatriation": "if contract completed", "Crew losses": "none", "Months at sea": 2, "Transshipment": "supplies",
    "AIS": "vms only", "Rest hours per day": 9, "Rest hours per week": 70, "Wifi for crew": "weekly",
    "Pay system": "share only", "Pay sent home": "after trip", "Observer on board": "none", "Insurance": "some",
}

VERIFIED_BUILDING: Row = {
    **VERIFIED, "Tiers of subcontracting": 1, "Labour supply": "own workers", "Self-employed": "all employees",
    "Realistic programme": "ring-fenced", "Exit permit": "not required", "Pay-when-paid": "never",
    "Payment method": "bank transfer", "Gratuity": "in full", "Persons per room": 2, "Heat stress": "no",
    "Site fatalities": "0", "Union access": "unannounced", "Materials traced": "fully traced",
    "Insurance": "insured",
}

SELF_DECLARED_BUILDING: Row = {
    **SELF_DECLARED, "Tiers of subcontracting": 3, "Labour supply": "manpower company", "Self-employed": "all employees",
    "Realistic programme": "tight", "Exit permit": "always given", "Pay-when-paid": "sometimes",
    "Payment method": "WPS", "Gratuity": "paid", "Persons per room": 6, "Heat stress": "midday ban kept",
    "Site fatalities": "none", "Union access": "by appointment", "Materials traced": "some", "Insurance": "yes",
}
# fmt: on

# ------------------------------------------------------------------------------------------------------------- the sites

IDENTITY = (
    "Vendor no", "Supplier", "Local name", "Group", "Tier", "Country / Region", "Province", "Full address",
    "Industry", "Products",
    "No. of workers", "% migrant workers", "Workers from", "Recruitment agencies", "IMO no.", "Flag state",
    "Vessel type", "Vessel owner",
)  # fmt: skip
EVIDENCE = (
    "Evidence",
    "Evidence date",
    "Pieces of evidence",
    "As of",
    "Form version",
    "Returned on",
    "Reported issues",
    "Reported by",
    "Buyer contact",
    "Remarks",
)


def build_site(vendor_no: str, supplier: str, country: str, industry: str, *answers: Row, **fields: Cell) -> Row:
    """Return a row of the suppliers sheet. ``fields``: further columns, by header in the form returned by `argument_name`."""
    named = {
        next(h for h in (*IDENTITY, *EVIDENCE) if argument_name(h) == word): value for word, value in fields.items()
    }
    row: dict[str, Cell] = {
        "Vendor no": vendor_no,
        "Supplier": supplier,
        "Country / Region": country,
        "Industry": industry,
    }
    for part in (*answers, named):
        row.update(part)
    return row


def argument_name(header: str) -> str:
    """Return a header in the form of an argument name: "% migrant workers" -> "migrant_workers"."""
    return "_".join("".join(c if c.isalnum() else " " for c in header).lower().split())


SITES: Sequence[Row] = (
    build_site(
        "SK-001", "Fjordlykt Test Salmon AS (fictional)", "Norway", "Fish processing", VERIFIED,
        province="Trøndelag", full_address="Prøvebrygga 1, Trondheim", products="Salmon fillets", tier=1,
        no_of_workers=212, migrant_workers="38%",
        workers_from="Poland; Lithuania", recruitment_agencies="Nordlys Prøve Bemanning AS (fictional)",
        evidence="worker interviews", evidence_date=date(2026, 6, 9), as_of="09.06.2026",
    ),
    build_site(
        "SK-002", "FV Silver Petrel (fictional)", "Norway", "Marine fishing", VERIFIED_AT_SEA,
        {"Agency checks": "no agencies"}, products="Cod", tier=2, no_of_workers=14, migrant_workers="0%",
        flag_state="NO", vessel_type="trawler",
        vessel_owner="Silver Petrel Prøverederi AS", evidence="union", evidence_date="2026-04-22", as_of="2026-04-22",
    ),
    build_site(
        "SK-003", "Nine Herons Shrimp Processing (fictional)", "Thailand", "Seafood processing / 1020", SELF_DECLARED,
        {"Recruitment fees": "some workers", "Debt": "own loans", "Who keeps passports?": "kept in office",
        "Accommodation": "crowded", "Months since last check": 16},
        local_name="บริษัท นกกระสาเก้าตัวสมมติ จำกัด", province="Samut Sakhon",
        full_address="88/8 Moo 8, Tha Chin Sub-district, Samut Sakhon",
        products="Shrimp, peeled, frozen", tier=1, no_of_workers=1240, migrant_workers="81 %",
        workers_from="Myanmar; Cambodia",
        recruitment_agencies="Golden Ferry Manpower (fictional); Uncle Chai boat broker (fictional)",
        evidence="social audit", evidence_date="12 March 2026", as_of="15.06.2026",
        pieces_of_evidence="audit; 2026-03-12; until 2027-03-12; ref AUD-EXAMPLE-3\n"
        "worker voice; 2026-08-20; covers Recruitment fees, Debt, Who keeps passports?",
    ),
    build_site(
        "SK-004", "FV Sommut 8 (fictional)", "ไทย", "Fishing", SELF_DECLARED_AT_SEA,
        {"Who keeps passports?": "captain", "Debt": "deducted", "Recruitment fees": "all workers", "Months at sea": 5,
        "Rest hours per day": 6, "Rest hours per week": 44, "Wifi for crew": "captain only"},
        local_name="เรือสมมุติ ๘", products="Squid, surimi fish", tier=2, no_of_workers=27, migrant_workers="96 %",
        workers_from="Myanmar", recruitment_agencies="Golden Ferry Manpower (fictional)",
        imo_no="n/a", flag_state="TH", vessel_type="trawler", vessel_owner="Sommut Fleet (fictional)",
        evidence="documents", evidence_date="2026-02-11", as_of="15.06.2026",
    ),
    build_site(
        "SK-005", "FV Ming Xiang 19 (fictional)", "Taiwan", "Marine fishing",
        omit_answers(SELF_DECLARED_AT_SEA, "Crew losses", "Transshipment", "AIS", "Identity clear"),
        {"Months at sea": 14, "Rest hours per day": 5, "Rest hours per week": 39, "Wifi for crew": "no wifi",
        "Deposit": "deposit", "Pay sent home": "end of contract", "Crew recruitment": "brokers"},
        local_name="虛構遠洋十九號", products="Tuna", tier=3, no_of_workers=31, migrant_workers="87 %",
        workers_from="Indonesia; Philippines", recruitment_agencies="Fictional Crew Dispatch Co. (invented)",
        imo_no="9999999", flag_state="TW", vessel_type="longliner", vessel_owner="-", evidence="self-assessment",
        as_of="2026-05-04",
        reported_issues="wages withheld; documents withheld; violence", reported_by="NGO",
    ),
    build_site(
        "SK-006", "FV Quiet Hope (fictional)", "Panama", "Marine fishing", {"Months at sea": 9,
        "Identity clear": "owner unknown"},
        products="Squid", tier=3, no_of_workers=2, migrant_workers="100 %", imo_no="unknown", flag_state="Panama",
        vessel_type="squid jigger", vessel_owner="n/a", remarks="came with the purchase of the frozen lot",
    ),
    build_site(
        "SK-007", "FV Kelp Runner (fictional)", "Namibia", "Marine fishing", SELF_DECLARED_AT_SEA, {"Pay system": "wage",
        "Months at sea": 1, "Observer on board": "observer", "Rest hours per day": 10, "Rest hours per week": 77},
        products="Hake", tier=2, no_of_workers=38, migrant_workers="5%", flag_state="Namibia", vessel_type="trawler",
        vessel_owner="Kelp Runner Example Fishing", evidence="labour inspection", evidence_date="2026-03-30",
        as_of="2026-06-01",
    ),
    build_site(
        "SK-008", "Blue Lantern Cannery (fictional)", "Ecuador", "Fish canning", SELF_DECLARED,
        {"Recruitment fees": "none, workers asked", "Trade union": "committee", "Grievance mechanism": "own channel"},
        group="Blue Lantern Group (fictional)", province="Manabí", full_address="=Km 4 Vía Imaginaria, Manta",
        products="Canned tuna", tier=1, no_of_workers="1 850", migrant_workers="2 %", evidence="audit",
        evidence_date="18/05/2026", as_of="18/05/2026",
        pieces_of_evidence="certificate; 2026-01-05; until 2027-01-05; covers Free to leave site; ref CERT-EXAMPLE-8",
    ),
    build_site(
        "SK-009", "Hai Dang Gia Dinh Seafood (fictional)", "Viet Nam", "Seafood processing", SELF_DECLARED,
        {"Max weekly hours": 66, "Voluntary overtime": "no rest day"},
        local_name="Thủy sản Hải Đăng Giả Định", province="Cà Mau", products="Pangasius, shrimp", tier=1,
        no_of_workers=930, migrant_workers="0 %", evidence="smeta", evidence_date="2024-05-20", as_of="2024-06-01",
        pieces_of_evidence="certificate; 2024-05-20; until 2025-05-20; ref CERT-EXAMPLE-9",
        remarks="audit older than two years",
    ),
    build_site(
        "SK-010", "Fictional Blue Whale Aquatics", "P.R. China", "Seafood processing", SELF_DECLARED,
        {"State labour programme": "not traced", "Trade union": "appointed", "Max weekly hours": 70,
        "Audit coaching": "no audit"},
        local_name="虚构蓝鲸水产有限公司", province="Shandong", full_address="虚构路 1 号, 青岛",
        products="Whitefish fillets, squid rings", tier=1, no_of_workers=2100, migrant_workers="unknown",
        evidence="saq", as_of="2026-06-20",
    ),
    build_site(
        "SK-011", "Conservas Costa Inventada", "España", "Fish processing", VERIFIED, {"Max weekly hours": 44,
        "Grievance mechanism": "own channel"},
        province="Galicia", products="Mussels, sardines", tier=1, no_of_workers=160, migrant_workers="11 %",
        workers_from="Morocco, Senegal", evidence="audit", evidence_date="2026-05-11", as_of="2026-05-11",
    ),
    build_site(
        "SK-012", "Anchoveta Andina de Ejemplo", "Perú", "Fish meal", SELF_DECLARED, province="Ancash",
        products="Fish meal, fish oil", tier=2, no_of_workers=340, migrant_workers="0 %", evidence="documents",
        evidence_date="46037", as_of="2026-02-01",
    ),
    build_site(
        "SK-013", "Sundarban Sample Shrimp Farms", "Bangladesh", "Aquaculture", SELF_DECLARED, {"Bonded labour": "advances",
        "Under 18": "not checked", "Wages paid on time": "often late", "Written contract": "oral"},
        province="Khulna", products="Shrimp", tier=2, no_of_workers=410, migrant_workers="0 %", evidence="NGO",
        evidence_date="2026-03-08", as_of="2026-03-08",
    ),
    build_site("SK-014", "Imaginary Ice & Fish Works", "India", "Fish processing", products="Shrimp, frozen", tier=2,
    no_of_workers="n/a", migrant_workers="n/a", remarks="new; no answers yet"),
    build_site("SK-015", "Paper Moon Crab House (fictional)", "U.S.A.", "Fish processing", products="Crab meat", tier=1,
    no_of_workers=75, migrant_workers="70 %", workers_from="Mexico", remarks="seasonal visas"),
    build_site(
        "SK-016", "Dune Lantern Towers, site and camp (fictional)", "Qatar", "Building construction", SELF_DECLARED_BUILDING,
        {"Recruitment fees": "workers pay", "Debt": "own loans", "Who keeps passports?": "contractor",
        "Pay-when-paid": "months behind", "Persons per room": 12, "Wages paid on time": "often late",
        "Heat stress": "insufficient", "Tiers of subcontracting": 4, "Deductions": "recruitment fees"},
        products="Tower, 41 floors", tier=2, no_of_workers=1900, migrant_workers="98 %",
        workers_from="Nepal; Bangladesh; India",
        recruitment_agencies="Padma Example Recruiting (fictional); Himalayan Sample Overseas (fictional)",
        evidence="worker survey", evidence_date="2026-04-02", as_of="2026-04-30",
    ),
    build_site(
        "SK-017", "Palm Quay Fit-out (fictional)", "U.A.E.", "Specialised construction", omit_answers(SELF_DECLARED_BUILDING,
        "Recruitment fees", "Debt", "Who keeps passports?", "Free to resign", "Fees repaid"),
        {"Exit permit": "absconding reports filed in the past year", "Threats": "refused to say"},
        products="Interior works", tier=1, no_of_workers=260, migrant_workers="70 %", workers_from="India; Pakistan",
        recruitment_agencies="Dhow & Desert Labour Supply (fictional)",
        evidence="self-declaration", as_of="2026-07-01", form_version="site_construction 2026.1",
        returned_on="2026-07-01",
    ),
    build_site(
        "SK-018", "Marsh Lane Extension (fictional)", "Great Britain", "Construction", SELF_DECLARED_BUILDING,
        {"Self-employed": "some", "Labour supply": "gangmasters", "Payment method": "cash", "Trade union": "barred"},
        province="Kent", products="School building", tier=1, no_of_workers=85, migrant_workers="44 %",
        workers_from="Romania; Albania", evidence="documents", evidence_date="2026-05-29", as_of="2026-06-02",
        pieces_of_evidence="document; 2026-05-29; covers Payment method | photo of the notice board; last May",
    ),
    build_site(
        "SK-019", "Kota Contoh Formwork (fictional)", "MALAYSIA", "Construction", SELF_DECLARED_BUILDING,
        {"Recruitment fees": "most", "Debt": "lent", "Can change employer": "tied permit",
        "Fees repaid": "in progress", "Who keeps passports?": "locker"},
        products="Formwork, scaffolding", tier=2, no_of_workers=520, migrant_workers="92 %",
        workers_from="Bangladesh; Nepal; Indonesia", recruitment_agencies="Padma Example Recruiting (fictional)",
        evidence="worker interviews", evidence_date="2026-01-20", as_of="2026-02-03",
    ),
    build_site(
        "SK-020", "Harbour Crane Slab (fictional)", "Republic of Korea", "Civil engineering", SELF_DECLARED_BUILDING,
        {"Labour supply": "licensed supplier", "Exit permit": "not required", "Tiers of subcontracting": 2},
        local_name="가상항만건설", province="Busan", products="Quay wall", tier=1, no_of_workers=310,
        migrant_workers="35 %", workers_from="Viet Nam; Nepal", evidence="audit", evidence_date="2026-03-17",
        pieces_of_evidence="official; 17.03.2026; covers Site fatalities, Heat stress; ref INSP-EXAMPLE-20",
        as_of="2026-03-17",
    ),
    build_site(
        "SK-021", "Hypothetical Kiln Brickworks", "Pakistan", "Bricks", SELF_DECLARED,
        {"Bonded labour": "they may not leave, or the debt passes to the family", "Under 18": "children",
        "Wages paid on time": "held", "Written contract": "no", "Audit coaching": "never audited"},
        province="Punjab", products="Bricks", tier=3, no_of_workers=140, migrant_workers="10 %", evidence="NGO",
        evidence_date="2026-02-24", as_of="2026-02-24", reported_issues="bonded labour; children",
        reported_by="union",
    ),
    build_site(
        "SK-022", "Prøve Tømrer A/S (fictional)", "Denmark", "Construction", VERIFIED_BUILDING,
        products="Timber frames", tier=1, no_of_workers=64, migrant_workers="9 %",
        evidence="union", evidence_date="2026-05-05", as_of="2026-05-05",
    ),
    build_site("SK-023", "Granite Echo Quarry (fictional)", "Southeast Asia", "Quarrying", SELF_DECLARED, products="Paving stone",
    tier=3, no_of_workers=95, migrant_workers="0 %", as_of="2026-06-11"),
    build_site("SK-024", "Nowhere Bay Aggregates (fictional)", "n/a", "Building materials?", products="Sand", tier=3,
    no_of_workers=9999, migrant_workers="-", remarks="country to follow"),
    build_site(
        "SK-025", "Casa Bonita Imaginaria (fictional)", "Guatemala", "Building construction",
        omit_answers(SELF_DECLARED_BUILDING, "Debt", "Violence", "Who keeps passports?", "Threats"), {"Labour supply": "direct",
        "Tiers of subcontracting": 1, "Exit permit": "no", "Grievance mechanism": "own channel", "Pay-when-paid": "no",
        "Materials traced": "yes"},
        products="Cold store", tier=1, no_of_workers=58, migrant_workers="0 %", evidence="saq", as_of="11/06/2026",
        form_version="site_construction 2026.1", returned_on="2026-06-11",
    ),
)  # fmt: skip


def create_workbook(path: Path, title: str) -> xlsxwriter.Workbook:
    """Create an empty workbook at ``path``; the same content gives the same bytes each time."""
    book = xlsxwriter.Workbook(
        path, {"default_date_format": "dd.mm.yyyy", "strings_to_formulas": False, "strings_to_urls": False}
    )
    book.set_properties({"title": f"Demo: {title} (all invented)", "created": datetime(2026, 7, 31, tzinfo=UTC)})
    return book


def write_suppliers() -> None:
    """Write the workbook of suppliers and agencies."""
    book = create_workbook(WORKBOOK, "a buyer of seafood and building works")
    practice = dict.fromkeys(
        header for part in (VERIFIED, SELF_DECLARED_AT_SEA, SELF_DECLARED_BUILDING) for header in part
    )
    write_sheet(
        book, "Suppliers", (*IDENTITY, *practice, *EVIDENCE), SITES,
        ("Saltmarsh & Keel (a fictional buyer of seafood and building works)",
        "Supplier master, export of 31.07.2026. All names are invented.", ""),
        total={"Vendor no": "Total", "Tier": len(SITES)},
    )  # fmt: skip
    write_sheet(
        book,
        "Agencies",
        agencies.HEADER,
        agencies.AGENCIES,
        ("Recruitment agencies named by suppliers (all invented)",),
    )
    book.close()


def write_sample() -> None:
    """Write the sample list offered in an empty portfolio: the same suppliers, with references that no real list has."""
    with closing(create_workbook(HERE / "sample_list.xlsx", "a list to try the service with")) as book:
        sites = [{**row, "Vendor no": str(row["Vendor no"]).replace("SK-", "SAMPLE-")} for row in SITES]
        practice = dict.fromkeys(header for row in sites for header in row if header not in (*IDENTITY, *EVIDENCE))
        write_sheet(
            book, "Suppliers", (*IDENTITY, *practice, *EVIDENCE), sites, ("Sample suppliers (all invented)",)
        )  # fmt: skip
        rows = [{**row, "Ref": str(row["Ref"]).replace("AG-", "SAMPLE-AG")} for row in agencies.AGENCIES]
        write_sheet(book, "Agencies", agencies.HEADER, rows, ("Sample recruitment agencies (all invented)",))


def write_records() -> None:
    """Write case records, the buyer's own answers, cohorts with exchange rates, and a watchlist."""
    title = "case records about suppliers"
    with closing(create_workbook(HERE / "case_records.xlsx", title)) as book:
        write_sheet(
            book, "Cases", records.CASE_HEADER, records.CASES, (f"Demo: {title} (all invented; no names of persons)",)
        )
    with closing(create_workbook(HERE / "own_practices.xlsx", "what the buyer says of itself")) as book:
        write_sheet(book, "Buying", records.OWN_HEADER, records.OWN_PRACTICES, ())
        stamp = book.add_worksheet("_form")  # as in the template, so that the workbook is recognised as the buyer's own
        stamp.write_column(0, 0, ("form", "version"))
        stamp.write_column(0, 1, ("buyer", "2026.1"))
        stamp.hide()
    with closing(
        create_workbook(HERE / "repayment_cohorts.xlsx", "cohorts of workers who paid for their jobs")
    ) as book:
        write_sheet(book, "Cohorts", records.COHORT_HEADER, records.COHORTS, ())
    for name, rows in (("exchange_rates.csv", records.RATES), ("watchlist.csv", records.WATCHLIST)):
        with (HERE / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


def write_sheet(
    book: xlsxwriter.Workbook,
    name: str,
    header: Sequence[str],
    rows: Sequence[Row],
    titles: Sequence[str],
    total: Row | None = None,
) -> None:
    """Write a sheet: titles, header, rows and an optional row of totals. Text stays text, whatever it looks like."""
    page = book.add_worksheet(name)
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    for at, title in enumerate(titles):
        page.write(at, 0, title)
    page.write_row(len(titles), 0, header, bold)
    page.freeze_panes(len(titles) + 1, 2)
    page.set_column(0, len(header) - 1, 18)
    page.set_column(1, 1, 44)
    for at, row in enumerate([*rows, *([total] if total else [])], start=len(titles) + 1):
        for column, title in enumerate(header):
            value = row.get(title, "")
            if value != "":
                page.write(at, column, value)


if __name__ == "__main__":
    write_suppliers()
    write_sample()
    write_records()
