"""A report as it might be: a buyer of seafood and a builder, twenty results, all names invented.

`make_headline(...)`, `make_report(...)` make the parts a test is about; `sample()` is the whole, and adds up.
"""

from dataclasses import replace
from datetime import date

from reports.document import (
    Cell,
    Company,
    Detail,
    Floor,
    Headline,
    IssueLine,
    Level,
    ModelUsed,
    NotChecked,
    Place,
    Reason,
    Report,
    SourceFile,
    Step,
)

ON = date(2026, 11, 25)
COUNTRIES = {
    "TH": "Thailand", "CN": "China", "TW": "Taiwan", "VN": "Viet Nam", "MY": "Malaysia", "ID": "Indonesia",
    "MM": "Myanmar", "QA": "Qatar", "SG": "Singapore", "FJ": "Fiji", "NP": "Nepal", "JP": "Japan", "KH": "Cambodia",
    "NZ": "New Zealand", "AE": "United Arab Emirates", "KR": "Korea, Republic of", "MV": "Maldives", "NO": "Norway",
}  # fmt: skip
SECTORS = {
    "0311": "Marine fishing", "1020": "Fish processing", "4100": "Building construction", "7820": "Temporary "
    "labour supply",
    "4210": "Roads and railways", "9700": "Private households", "1410": "Clothing",
}  # fmt: skip
MODELS = (
    ModelUsed("site_fishing", "2026.1", "Fishing: vessels and landing sites", "3f9a61c04b7e", 7),
    ModelUsed("site_construction", "2026.1", "Construction sites", "b1d27a90c3f4", 5),
    ModelUsed("site_general", "2026.1", "Sites of any other sector", "90ce2b7714aa", 4),
    ModelUsed("site_domestic_work", "2026.1", "Domestic work", "55ab10e9d2c8", 1),
    ModelUsed("agency", "2026.1", "Recruitment agencies", "c07734bd1e60", 3),
)


def level_of(score: float) -> Level:
    return "critical" if score >= 75 else "high" if score >= 50 else "medium" if score >= 25 else "low"


def make_headline(**given: object) -> Headline:
    """A middling fish processor in Thailand, changed as given."""
    usual: dict[str, object] = {
        "kind": "site", "reference": "S-01", "name": "Siren Bay Foods", "country": "TH", "country_name": "Thailand",
        "sector": "1020", "sector_title": "Fish processing", "model": "site_general", "level": "high",
        "level_text": "high", "score": 61.25, "best": 30.5, "worst": 88.0, "inherent": 58.0, "inherent_level": "high",
        "practice_points": 22.0, "practice_of": 60.0, "case_evidence": "none recorded", "coverage": 0.6,
        "confidence": 41.0, "uplift": 0.0, "floors": (), "next_step": "Agree a repayment plan with the supplier",
        "file": "suppliers.xlsx", "sheet": "Suppliers", "row": 7,
    }  # fmt: skip
    return Headline(**(usual | given))  # type: ignore[arg-type]


def make_report(*results: Headline, **given: object) -> Report:
    """A short internal report of these results, changed as given."""
    usual: dict[str, object] = {
        "title": "Suppliers and agencies", "audience": "internal", "on": ON, "engine": "0.1.0",
        "facts_digest": "7c1e55d0aa93",
        "files": (SourceFile("suppliers.xlsx", "9f2b6c11d0e4", ("Suppliers",), len(results), len(results), 0),),
        "models": MODELS, "results": results,
    }  # fmt: skip
    return Report(**(usual | given))  # type: ignore[arg-type]


# kind, name, country, sector, model, score, best, worst, inherent, asked, coverage, confidence, floors, next step
_ROWS = (
    ("site", "Sea Lantern 88 (vessel)", "TW", "0311", "site_fishing", 88.4, 75.0, 96.1, 71.2, 92, 0.88, 63,
     ("Papers withheld together with debt", "Workers cannot leave"), "Bring the crew to port and give papers back"),
    ("site", "บริษัท ทะเลงามอาหารแช่แข็ง จำกัด", "TH", "1020", "site_fishing", 79.6, 75.0, 93.0, 62.4, 81, 0.77, 52,
     ("Papers withheld together with debt",), "Hand every worker back their papers"),
    ("agency", "Golden Ladder Manpower", "NP", "7820", "agency", 76.3, 50.0, 95.2, 76.3, 70, 0.64, 38,
     ("Workers in debt for their job",), "Stop new intake and agree who repays"),
    ("site", "Desert Crown Towers, plot 14", "QA", "4100", "site_construction", 72.8, 50.0, 91.4, 68.1, 75, 0.71, 47,
     ("Papers withheld",), "Hand every worker back their papers"),
    ("site", "福建远望渔业有限公司", "CN", "0311", "site_fishing", 66.9, 42.0, 94.8, 66.2, 60, 0.52, 29, (),
     "Ask who recruited the crew, and what they paid"),
    ("site", "Marina Link Rail Works", "AE", "4210", "site_construction", 63.7, 40.3, 90.0, 69.5, 72, 0.66, 51, (),
     "Agree a repayment plan with the supplier"),
    ("agency", "Công ty Cung ứng Lao động Sao Mai", "VN", "7820", "agency", 57.1, 25.0, 88.7, 55.0, 66, 0.58, 34,
     ("An answer to a core question was declined",), "Ask again about fees, in private"),
    ("site", "Straits Harvest Canning", "MY", "1020", "site_general", 54.2, 31.1, 84.4, 57.8, 84, 0.81, 49, (),
     "Check the deductions on the payslips"),
    ("site", "Kapal Bintang Selatan", "ID", "0311", "site_fishing", 0, 24.4, 97.0, 72.7, 12, 0.11, 16, (), ""),
    ("site", "မြန်မာ့ပင်လယ်စာ", "MM", "1020", "site_general", 0, 22.1, 96.6, 70.4, 0, 0.0, 12, (), ""),
    ("site", "Blue Atoll Tuna", "MV", "0311", "site_fishing", 0, 20.9, 93.3, 61.0, 8, 0.08, 15, (), ""),
    ("site", "Navua Cane and Fish", "FJ", "1020", "site_general", 0, 15.0, 90.2, 44.3, 0, 0.0, 14, (), ""),
    ("site", "Unnamed finishing shop", None, "4100", "site_construction", 0, 10.0, 98.0, 58.2, 0, 0.0, 6, (), ""),
    ("site", "កម្ពុជា សំណង់ ថ្មី", "KH", "4100", "site_construction", 48.8, 28.0, 79.0, 60.3, 88, 0.84, 58, (),
     "Write contracts in the workers' language"),
    ("site", "Hai Au Seafood", "VN", "1020", "site_fishing", 41.2, 25.2, 74.3, 52.6, 90, 0.86, 55, (),
     "Have the grievance line checked with workers"),
    ("agency", "Harbour Gate Crewing", "SG", "7820", "agency", 34.6, 18.0, 71.5, 39.4, 85, 0.79, 60, (),
     "Publish the fee policy at the place of origin"),
    ("site", "Households programme, north", "SG", "9700", "site_domestic_work", 33.3, 20.7, 76.0, 41.0, 65, 0.6, 33, (),
     "Offer workers a line that is not the agency's"),
    ("site", "한빛수산 주식회사", "KR", "1020", "site_fishing", 29.5, 14.4, 66.1, 35.1, 88, 0.85, 61, (),
     "Check the hours in the peak season"),
    ("site", "北浜建設株式会社", "JP", "4100", "site_construction", 27.0, 12.2, 63.8, 33.0, 83, 0.8, 57, (),
     "Ask the sending organisation for its fees"),
    ("site", "Fjordblikk Sjømat", "NO", "1020", "site_general", 11.8, 6.0, 41.4, 14.2, 94, 0.92, 72, (),
     "Ask again when the audit expires"),
)  # fmt: skip


def headlines(audience: str = "internal") -> tuple[Headline, ...]:
    headlines_so_far = []
    for place, row in enumerate(_ROWS):
        (
            kind,
            name,
            country,
            sector,
            model,
            score,
            best,
            worst,
            inherent,
            asked,
            coverage,
            confidence,
            floors,
            step,
        ) = row
        enough = bool(score)
        points = score or inherent + 1.5
        level: Level = level_of(points) if enough else "insufficient_evidence"
        inherent_level = level_of(inherent)
        headlines_so_far.append(
            make_headline(
                kind=kind, reference=f"{'A' if kind == 'agency' else 'S'}-{place + 101}", name=name, country=country,
                country_name=COUNTRIES[country] if country else "Unknown country", sector=sector,
                sector_title=SECTORS[sector], model=model, level=level,
                level_text=level if enough else f"insufficient evidence, inherent {inherent_level}",
                score=points, best=best, worst=worst, inherent=inherent, inherent_level=inherent_level,
                practice_points=round(points * asked / 100, 1) if asked else None,
                practice_of=float(asked) if asked else None, coverage=coverage, confidence=float(confidence),
                case_evidence="signals" if place == 0 and audience == "internal" else "none recorded",
                uplift=0.0, floors=floors, next_step=step or "Send the questionnaire and name a day for its return",
                file="agencies.csv" if kind == "agency" else "suppliers.xlsx",
                sheet="agencies" if kind == "agency" else "Suppliers 2026", row=place + 6,
            )
        )  # fmt: skip
    return tuple(headlines_so_far)


def make_detail(headline: Headline, audience: str = "internal") -> Detail:
    """Facts that add up to the inherent risk, answers that lead from there to the score, a floor for what is "
    "missing."""
    facts = [
        ("Tied status", "A migrant's right to stay hangs on one employer.", "yes", 0.34, ("TIED-01",), 2025),
        ("Rule of law", "Courts and inspectors protect workers less than in most "
        "states.", "-0.12", 0.2, ("WGI",), 2024),
        ("Recruitment corridor", "Workers usually pay several months' wages for the job.", "5.2 "
        "months", 0.26, ("RP-10",), 2023),
        ("Hazards of the trade", "Work far from shore, isolated, with long hours.", "high", 0.2, ("SF-F03",), 2022),
    ]  # fmt: skip
    inherent = headline.inherent or 0.0
    reasons = [
        Reason("context", title, text, "", value, inherent * part, sources=sources, year=year)
        for title, text, value, part, sources, year in facts
    ]
    answers = [
        ("Workers pay to get their job", "Workers pay recruitment fees: some. A debt at hiring binds a worker to "
        "the job.",
         "answered", "some workers", 8.2, 0.9, ("FRP07", "RF1")),
        ("Papers are held by the employer", "Papers are held by: the employer, workers ask for them. "
         "Consistent with the indicator 'retention of identity documents'.", "answered", "employer "
         "holds", 6.4, 0.8, ("FL07",)),
        ("Wages are paid late", "Workers told that wages came more than a month late.", "reported", "over a "
        "month", 3.1, 0.8,
         ("FL08",)),
        ("Written contracts in the worker's language", "Contracts are in the worker's language: yes, all.", "answered",
         "yes, all", -4.3, 0.3, ("FRP08",)),
        ("A grievance line that workers use", "This question came back blank.", "declined", "", 2.6, 1.0, ("GP31",)),
        ("Months at sea without a port call", "Nobody asked this.", "not_asked", "", 0.0, 0.66, ("SF-F09",)),
        ("Sleeping quarters", "Nobody asked this.", "not_asked", "", 0.0, 0.66, ("C188",)),
        ("Free to change employer", "An audit of 2023 said so; it has "
        "expired.", "expired", "yes", 0.0, 0.66, ("FL02",)),
    ]  # fmt: skip
    reasons += [
        Reason("answer", title, text, state, value, points, e=e, c=0.66, sources=sources, year=2026,
               from_workers=state == "reported", workers=6 if state == "reported" else None,
               harm=e >= 0.8 and state in ("answered", "reported"))
        for title, text, state, value, points, e, sources in answers
        if state != "reported" or audience == "internal"
    ]  # fmt: skip
    uplift = headline.score - sum(reason.points for reason in reasons)
    if uplift < 0:  # the answers of this one reassure
        reasons.append(
            Reason("answer", "Wages are paid in full and on time", "Payslips of three months agree with the bank's.",
                   "answered", "yes", uplift, e=0.1, c=0.66, sources=("FL08",), year=2026)
        )  # fmt: skip
        uplift = 0.0
    floors = (
        Floor("Papers withheld together with debt", "Two strong signs together cannot score below 75: withheld "
        "papers keep "
              "a worker who is in debt from leaving.", 75.0, ("CD01", "CD02")),
    ) if uplift else ()  # fmt: skip
    return Detail(replace(headline, uplift=uplift), tuple(reasons), floors, tuple(_steps()[:4]))


def _steps() -> list[Step]:
    def step(
        action: str, title: str, do: str, priority: str, stage: str, owner: str, days: int, n: int, **more: object
    ) -> Step:
        names = tuple(headline.name for headline in headlines()[: min(n, 3)])
        usual: dict[str, object] = {
            "with_workers": "Ask workers in private, with an interpreter who is neither the employer's nor the "
            "agency's.",
            "proof": "Private interviews with a sample of workers confirm it; not a policy that was uploaded.",
            "within_hours": None, "safety": False, "sources": ("RM-01", "CLK-6"),
        }  # fmt: skip
        return Step(action=action, title=title, do=do, priority=priority, stage=stage, owner=owner,
         # type: ignore[arg-type]
                    due=date.fromordinal(ON.toordinal() + days), suppliers=n, names=names,
                    **(usual | more))  # type: ignore[arg-type]  # fmt: skip

    return [
        step("bring_ashore", "Bring people out of danger first", "Call the vessel to the next port that is safe "
        "for the crew. "
             "Do not confront the captain with what anyone told. Choose the authority by the crew's "
             "safety.", "3a", "act",
             "buyer", 0, 1, safety=True, within_hours=6, sources=("SAFE-1", "SAFE-3", "RM-07")),
        step("return_papers", "Hand papers back to each worker", "Give every worker the original of each document "
        "today, and "
             "a locker of their own to keep it in. Copies only from now "
             "on.", "3a", "act", "supplier", 1, 3, safety=True,
             within_hours=24),
        step("stop_deductions", "Stop deductions for recruitment debt", "Stop all deductions that pay for "
        "recruitment. Tell "
             "workers in writing that they may leave without paying off a "
             "debt.", "1", "act", "supplier", 1, 4, sources=("RM-02",)),
        step("repay_fees", "Repay what workers paid", "Work out with workers what each paid, and repay it within "
        "90 days, to "
             "those who have left as well.", "3b", "act", "supplier", 90, 4, sources=("RM-02", "RP-1")),
        step("licence_check", "Check the licence of every recruiter", "Look the licence up at the regulator, and "
        "list the "
             "sub-agents.", "1", "act", "agency", 30, 3, sources=("RM-12",)),
        step("ask_unknown", "Ask what was never asked", "Send the questionnaire, name a day for its return, and "
        "offer help "
             "with it.", "2", "acknowledge", "buyer", 30, 5, sources=("AK-2",)),
        step("map_tiers", "Name the country of every site", "Ask the supplier where the work is "
        "done.", "2", "acknowledge",
             "supplier", 30, 1, sources=("AC-1", "RM-14")),
        step("grievance", "Open a line that workers trust", "Set up, with workers, a way to complain that is free, "
        "in their "
             "languages, and not run by the employer.", "3b", "advance", "supplier", 180, 8, sources=("RM-13",
             "UG-31")),
        step("train", "Train those who hire", "Train supervisors and recruiters on what may not be charged or "
        "kept.", "3a",
             "advance", "buyer", 120, 9, sources=("AK-1",)),
    ]  # fmt: skip


def _cells(results: tuple[Headline, ...]) -> tuple[tuple[Cell, ...], tuple[Place, ...]]:
    cells: dict[tuple[str, str], Cell] = {}
    places: dict[str, Place] = {}
    for h in results:
        asked = h.level != "insufficient_evidence"
        value, level = (h.score, h.level) if asked else (h.inherent or 0.0, h.inherent_level)
        known = "practice" if asked else "inherent"
        key = (h.country_name, h.sector_title)
        stored = cells.get(key)
        if stored is None or value > stored.value:
            cells[key] = Cell(h.country, h.country_name, h.sector, h.sector_title, value, level, known, 1)  # type: ignore[arg-type]
        cells[key] = replace(cells[key], results=(stored.results if stored else 0) + 1)
        if h.country:
            there = places.get(h.country)
            if there is None or value > there.value:
                places[h.country] = Place(h.country, h.country_name, value, level, known, 1)  # type: ignore[arg-type]
            places[h.country] = replace(places[h.country], results=(there.results if there else 0) + 1)
    return tuple(cells.values()), tuple(places.values())


def sample(audience: str = "internal") -> Report:
    """A large report; what workers reported is in the internal one alone, as it is when a copy is made."""
    results = headlines(audience)
    details = tuple(make_detail(headline, audience) for headline in results[:6])
    results = tuple(detail.headline for detail in details) + results[6:]
    cells, places = _cells(results)
    return make_report(
        *results,
        title="Suppliers and recruitment agencies, autumn 2026",
        audience=audience,
        files=(
            SourceFile("suppliers.xlsx", "9f2b6c11d0e4", ("Suppliers 2026", "Vessels"), 19, 17, 2),
            SourceFile("agencies.csv", "04d8a7be3321", ("agencies",), 3, 3, 0),
        ),
        details=details,
        plan=tuple(_steps()),
        companies=(
            Company("Sea Lantern Fishery", 3, "critical", "Critical", 41.0, 88.4),
            Company("Desert Crown Contracting", 2, "high", "High", 38.2, 72.8),
        ),
        heat=cells,
        places=places,
        not_checked=(
            NotChecked("Do workers repay a debt for their recruitment?", 14, 20),
            NotChecked("Who holds passports and other papers?", 11, 20),
            NotChecked("May workers leave the premises after work?", 11, 17),
            NotChecked("How many months is a crew at sea without a port call?", 6, 7),
            NotChecked("Has a worker, union or NGO reported harm?", 5, 20),
        ),
        issues=(
            IssueLine("country.unknown", "error", "The country is not one we know", "suppliers.xlsx", "Suppliers "
            "2026", "D17",
                      "Country", "Narnia", "a country's name or its code", "Did you mean Namibia?", 1),
            IssueLine("country.unknown", "error", "The country is not one we know", "suppliers.xlsx", "Suppliers "
            "2026", "D19",
                      "Country", "=cmd|' /C calc'!A0", "a country's name or its code", "Write the country's name", 1),
            IssueLine("sector.unknown", "warning", "The sector was not understood; scored as unknown", "suppliers.xlsx",
                      "Suppliers 2026", "F6, F9 and 3 more", "Industry", "misc <b>", "an ISIC code or plain words",
                      "Write what the site makes", 5),
            IssueLine("workforce.placeholder", "warning", "The number looks like a stand-in and counts as unknown",
                      "suppliers.xlsx", "Suppliers 2026", "K8", "Workers", "9999", "a count of people", "Leave it "
                      "blank or "
                      "count", 1),
            IssueLine("sheet.skipped", "info", "A sheet holds no table of "
            "suppliers", "suppliers.xlsx", "Notes", "", "", "",
                      "", "Nothing to do, unless suppliers stand there", 1),
        ),
        method=(
            "Each site and agency has an inherent risk, made of facts about its country, trade, goods and "
            "corridor, and a "
            "practice risk, made of answers. The score begins at the inherent risk; each answer moves it up or "
            "down by its "
            "weight; a floor holds it up where a strong sign was admitted, reported or cannot be ruled out.",
            "A reassuring answer counts by the evidence for it: least when the supplier says so itself, most when "
            "workers or "
            "officials confirm it, and less with age. Silence where a question was asked costs as much as the "
            "worst answer.",
        ),
        limits=(
            "An inherent risk says where to look, not that harm is present.",
            "A low number of detected cases is never read as low risk.",
        ),
    )  # fmt: skip
