"""Rules that look at more than one answer: placeholders, numbers that do not fit, check digits, and blanks in a form that came
back.

Each takes what was read and changes it: an answer that cannot be right becomes unknown, with an issue; only a conflict
of identity rejects rows.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from functools import partial

import numpy as np

from questionnaires.form import DATED, Questionnaire, load, versions
from questionnaires.lookups import countries, everyday
from questionnaires.parse.answer import Value
from questionnaires.text_normalize import fold
from questionnaires.validation.context import Answered, Mask, Places, Reading, Said
from questionnaires.validation.contradictions import contradictions

NINES = (9999.0, 99999.0, 999999.0, 9999999.0)
PART_OF_DAY = re.compile("[0-9]{4}(-[0-9]{2})?", re.ASCII)
VERSION = re.compile(r"(?:(\w+)[ /-]+)?([0-9]{4}\.[0-9]+)", re.ASCII)
WITH_A_DIGIT = re.compile(r"\S*\d\S*")  # a house number, a postal code


def unknown(reading: Reading, code: str, where: Mask | Places, questions: tuple[str, ...], seen: str) -> None:
    """Makes answers unknown in some rows and notes why, at the first of the questions."""
    reading.fault(code, questions[0], where, Said(seen))
    for question in questions:
        reading.answers[question].codes[where] = -1


def placeholder_head_counts(reading: Reading) -> None:
    """2 workers of whom 100 % are migrants, 0 workers, and a row of nines are put in to fill a cell (method, section
    3).
    """
    total, share = reading.answers.get("workers_total"), reading.answers.get("migrant_pct")
    if total and share:
        both = total.where(2.0) & share.where(100.0)
        unknown(reading, "placeholder", both, ("workers_total", "migrant_pct"), "2 workers, 100 % migrant")
    if total:
        unknown(reading, "placeholder", total.where(0.0), ("workers_total",), "0 workers")
    for question in ("workers_total", "workers_migrant"):
        if answers := reading.answers.get(question):
            for nines in NINES:
                unknown(reading, "placeholder", answers.where(nines), (question,), f"{nines:.0f}")


def more_migrants_than_workers(reading: Reading) -> None:
    """Both figures are unknown where the part is larger than the whole."""
    total, migrant = reading.answers.get("workers_total"), reading.answers.get("workers_migrant")
    if total and migrant:
        whole, part = total.numbers(), migrant.numbers()
        for row in np.flatnonzero(part > whole):
            seen = f"{part[row]:g} of {whole[row]:g}"
            unknown(reading, "workers.contradiction", np.array([row]), ("workers_migrant", "workers_total"), seen)


GROUPED = re.compile(r"[0-9]{1,3}([ ,.'\u2019][0-9]{3})+")
WORKERS_OF = re.compile(
    rf"(.*\S)\s*[:=(\uff1a]\s*({GROUPED.pattern}|[0-9]{{1,9}}([.,][0-9]{{1,2}})?)\s*(%?)(\s*workers)?\s*\)?"
)


def workers_by_agency(reading: Reading) -> None:
    """An agency with its workers is written "NAME: 60" or "NAME: 12.5%", however it was sent; what has no such number is told and
    left out.
    """
    answers = reading.answers.get("workers_by_agency")
    if answers is None:
        return
    for value in answers.values:
        unread = [part for part in value if not one_agency(str(part))] if isinstance(value, tuple) else []
        if unread:
            reading.fault(
                "workers_by_agency.unread", "workers_by_agency", answers.where(value), Said("; ".join(map(str, unread)))
            )
    answers.rewrite(
        lambda value: (
            tuple(filter(None, (one_agency(str(part)) for part in value))) if isinstance(value, tuple) else value
        )
    )
    answers.codes[answers.where(())] = -1


def one_agency(text: str) -> str:
    """One agency with its workers as we write it; "" where the text is none."""
    found = WORKERS_OF.fullmatch(text)
    if found is None:
        return ""
    name, number, percent = found[1], found[2], found[5]
    count = float(re.sub("[^0-9]", "", number) if GROUPED.fullmatch(number) else number.replace(",", "."))
    if percent:
        return f"{name}: {count:g}%" if count <= 100 else ""
    return f"{name}: {count:.0f}" if count.is_integer() else ""


def is_imo(text: str) -> bool:
    """Seven digits, the last of which checks the others (IMO resolution A.1117(30))."""
    return len(text) == 7 and text.isdigit() and sum(int(text[i]) * (7 - i) for i in range(6)) % 10 == int(text[6])


def is_mmsi(text: str) -> bool:
    """Nine digits (ITU-R M.585)."""
    return len(text) == 9 and text.isdigit()


def is_lei(text: str) -> bool:
    """Twenty letters and digits whose number, letters counted from 10, leaves 1 when divided by 97 (ISO 17442)."""
    return len(text) == 20 and text.isalnum() and int("".join(str(int(c, 36)) for c in text)) % 97 == 1


IDENTIFIERS: dict[str, Callable[[str], bool]] = {"imo": is_imo, "mmsi": is_mmsi, "lei": is_lei}
NEVER_ZERO = (*IDENTIFIERS, "postal_code", "call_sign", "reference", "licence_number", "registration_number")


def identifiers(reading: Reading) -> None:
    """Zeros and masked numbers (4SFXXXX) are placeholders; a number whose check digit is wrong identifies nobody."""
    for question in NEVER_ZERO:
        answers = reading.answers.get(question)
        if answers is None:
            continue
        is_right = IDENTIFIERS.get(question)
        if is_right:
            answers.rewrite(partial(plain_identifier, prefix=question.upper()))
        for value in map(str, answers.values):
            if not value.strip("0-. ") or "XXX" in value:
                unknown(reading, "placeholder", answers.where(value), (question,), value)
            elif is_right and not (value.isascii() and is_right(value)):
                unknown(reading, "identifier.invalid", answers.where(value), (question,), value)


def plain_identifier(text: Value, prefix: str) -> str:
    """An identifier without blanks, signs and the name of its kind: "IMO 9074729" -> "9074729"."""
    return fold(str(text)).upper().removeprefix(prefix)


def one_country_a_reference(reading: Reading) -> None:
    """A reference that stands on rows with different countries is no identity: none of its rows is read, whatever their
    order.

    References are compared as a person reads them: case, blanks around and full-width letters do not count.
    """
    references, country = reading.answers.get("reference"), reading.answers.get("country")
    if references is None or country is None:
        return
    number: dict[str, int] = {}
    table = [
        number.setdefault(unicodedata.normalize("NFKC", str(v)).casefold(), len(number)) for v in references.values
    ]
    same = np.array([*table, -1])[references.codes]
    both = (same >= 0) & country.given
    pairs = np.unique(np.stack([same[both], country.codes[both]]), axis=1)
    several = np.flatnonzero(np.bincount(pairs[0], minlength=len(number)) > 1)
    for which in several:
        rows = np.flatnonzero(same == which)
        reading.fault("row.conflict", "reference", rows, Said(str(references.values[references.codes[rows[0]]])))


def place_in_another_country(reading: Reading, question: str) -> None:
    """Warns where a city, a region or the last part of an address is the name of another country than the row's. Neither is
    changed.

    Codes are not looked for (CA is California and Canada), nor names that are also a place within the row's country. A city or
    region counts by the country's own name alone: in some language or other, many a town is called like a country.
    """
    places, country = reading.answers.get(question), reading.answers.get("country")
    if places is None or country is None:
        return
    known = countries().by_word if question == "address" else countries().by_name
    ends: dict[str, str | None] = {}
    said: list[str | None] = []
    for place in map(str, places.values):
        _, comma, end = place.rpartition(",")
        if question == "address" and not comma:
            said.append(None)
            continue
        if end not in ends:
            word = fold(WITH_A_DIGIT.sub(" ", end))
            ends[end] = known.get(word) if len(word) > 3 or word in ("usa", "uae") else None
        said.append(ends[end])
    number = {code: at for at, code in enumerate(sorted({code for code in said if code}))}
    told = np.array([*(number[code] if code else -1 for code in said), -1])[places.codes]
    names = countries().names
    for other, at in number.items():
        for code, own in enumerate(country.values):
            if own != other and other not in everyday().same_place.get(str(own), ()):
                where = (told == at) & (country.codes == code)
                reading.fault(
                    "country.contradicted",
                    question,
                    where,
                    Said(names[other], names.get(str(own), str(own)), beside="country"),
                )


def one_place_in_two_countries(reading: Reading) -> None:
    """Warns where a city with its region lies in one country here and in another in more rows of the sheet (in as many: at
    all of them): a country next to the right one in a list is picked easily. Nothing is changed.
    """
    city, region, country = (reading.answers.get(question) for question in ("city", "region", "country"))
    if city is None or region is None or country is None:
        return
    whole = city.given & region.given & country.given
    rows = np.flatnonzero(whole)
    folded = [np.array([*map(fold, map(str, answers.values))], dtype=object) for answers in (city, region)]
    number: dict[tuple[str, str], int] = {}
    pairs = zip(folded[0][city.codes[rows]], folded[1][region.codes[rows]], strict=True)
    place = np.array([number.setdefault(pair, len(number)) for pair in pairs], dtype=np.int64)
    found, counts = np.unique(np.stack([place, country.codes[rows]]), axis=1, return_counts=True)
    most = np.zeros(len(number), dtype=np.int64)
    np.maximum.at(most, found[0], counts)
    names = countries().names
    for at in np.flatnonzero(np.bincount(found[0], minlength=len(number)) > 1):
        of_place = found[0] == at
        first = of_place & (counts == most[at])
        usual = {int(code) for code in found[1][first]}
        for code in map(int, found[1][of_place]):
            others = sorted(names.get(str(country.values[o]), "") for o in usual - {code})
            if others:
                where = rows[(place == at) & (country.codes[rows] == code)]
                seen = f"{city.values[city.codes[where[0]]]}, {region.values[region.codes[where[0]]]}"
                reading.fault("country.elsewhere", "city", where, Said(seen, " and ".join(others), beside="country"))


APART = 5.0  # percentage points: figures are rounded, and counted on different days


def share_against_counts(reading: Reading) -> None:
    """Of a share of migrants and the one that the numbers of workers make, the larger stands where they are far apart."""
    total, count, share = (reading.answers.get(q) for q in ("workers_total", "workers_migrant", "migrant_pct"))
    if total is None or count is None or share is None:
        return
    whole, part, told = total.numbers(), count.numbers(), share.numbers()
    counted = 100 * part / np.where(whole > 0, whole, np.nan)
    for row in np.flatnonzero(np.abs(counted - told) > APART):
        against = f"{part[row]:g} of {whole[row]:g} workers ({counted[row]:.0f} %)"
        said = Said(f"{told[row]:g} %", against, beside="workers_migrant")
        reading.fault("workers.share", "migrant_pct", np.array([row]), said)
        if counted[row] > told[row]:
            share.put(np.array([row]), round(float(counted[row]), 1))


def share_from_counts(reading: Reading, form: Questionnaire) -> None:
    """Fills a blank share of migrants from both numbers of workers, where the form asks for the share."""
    if "migrant_pct" not in form.by_id:
        return
    total, count = reading.answers.get("workers_total"), reading.answers.get("workers_migrant")
    if total is None or count is None:
        return
    blank = Answered([], np.full(len(total.codes), -1, dtype=np.int32))
    share = reading.answers.get("migrant_pct", blank)
    whole, part = total.numbers(), count.numbers()
    known = ~share.given & (whole > 0) & (part >= 0)
    if not known.any():
        return
    counted = np.round(100 * part / np.where(known, whole, 1.0), 1)
    for value in np.unique(counted[known]):
        share.put(known & (counted == value), float(value))
    reading.answers["migrant_pct"] = share
    reading.fault("workers.share_counted", "workers_migrant", known, Said(beside="workers_total"))


def parts_of_days(reading: Reading) -> None:
    """A year or month that dates the answers of a row is its first day: undated they would count as told today."""
    for question in DATED:
        answers = reading.answers.get(question)
        if answers is None:
            continue
        for value in map(str, answers.values):
            if PART_OF_DAY.fullmatch(value):
                reading.fault("date.part", question, answers.where(value), Said(value))
        answers.rewrite(lambda value: f"{value}-01-01"[:10] if PART_OF_DAY.fullmatch(str(value)) else value)


def blanks_in_returned_forms(reading: Reading, form: Questionnaire) -> None:
    """A blank is "declined" where the row says that our form was sent and came back, and that version asked the
    question.

    A fault in that record does not undo the asking, or silence could be had for a wrong date (method, section 3: declining
    costs at least as much as any truth). A day that cannot be read, or lies in the future, still says that the form came
    back; a version that is not known, or left out beside such a day, has asked whatever has a column. Only questions that feed
    an indicator and are not the buyer's own can be declined, and only in a column that is there.
    """
    version, day = reading.answers.get("form_version"), reading.answers.get("form_returned")
    if version is None or day is None:
        return
    unread = reading.unread.get("form_returned", np.zeros(len(day.codes), dtype=np.bool_))
    reading.fault("form.returned_unread", "form_returned", unread, Said())
    returned = (day.given & ~day.where("cannot_apply")) | unread
    reading.fault("form.no_version", "form_version", returned & ~version.given, Said())
    for sent in (*map(str, version.values), None):
        rows = returned & (~version.given if sent is None else version.where(sent))
        asked = None if sent is None else asked_by(sent, form)
        if asked is None:
            if sent is not None:
                reading.fault("form.unknown_version", "form_version", rows, Said(sent))
            asked = form.by_id.keys()
        for question, answers in reading.answers.items():
            about = form.by_id[question]
            if question in asked and about.declinable and question in reading.matched.columns:
                blank = rows & ~answers.given
                if blank.any():
                    answers.put(blank, "declined")


def asked_by(sent: str, form: Questionnaire) -> Collection[str] | None:
    """The ids that a version of a form ("site_fishing 2026.1"; "2026.1" is the core's) asks; None if there is no such
    form.
    """
    found = VERSION.fullmatch(sent)
    form_id = (found[1] or form.id) if found else ""
    if found and found[2] in versions(form_id, form.folder):
        asked = load(form_id, found[2], form.folder)
        return asked.by_id.keys() if asked.kind == form.kind else None
    return None


COHORT = ("linked_reference", "linked_name", "nationality", "job", "intake_from", "intake_to", "age_group")


def one_cohort_a_case(reading: Reading) -> None:
    """The rows of a case speak of one group: two nationalities under one number would put groups together (DS-3)."""
    cases = reading.answers.get("case_id")
    if cases is None:
        return
    for question in COHORT:
        answers = reading.answers.get(question)
        if answers is None:
            continue
        number: dict[str, int] = {}
        table = np.array([*(number.setdefault(fold(str(value)), len(number)) for value in answers.values), -1])
        for case, name in enumerate(cases.values):
            rows = cases.codes == case
            if len(set(table[answers.codes[rows]].tolist()) - {-1}) > 1:
                reading.fault("case.conflict", "case_id", rows, Said(str(name)))


def apply_rules(reading: Reading, form: Questionnaire) -> None:
    """All rules; that of blanks in a form that came back last, when it is known what stands."""
    placeholder_head_counts(reading)
    more_migrants_than_workers(reading)
    workers_by_agency(reading)
    contradictions(reading, form)
    share_against_counts(reading)
    share_from_counts(reading, form)
    identifiers(reading)
    one_country_a_reference(reading)
    one_cohort_a_case(reading)
    for question in ("address", "city", "region"):
        place_in_another_country(reading, question)
    one_place_in_two_countries(reading)
    parts_of_days(reading)
    blanks_in_returned_forms(reading, form)
