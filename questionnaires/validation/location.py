"""Rules on where a supplier is: its country, region, city and address.

Of places that cannot agree, the riskier counts (method, fourth release, section 4). Which region outweighs which country is data
(``lists/region.csv``). Everything else that looks wrong is reported and left as it is.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from questionnaires.form import Questionnaire
from questionnaires.lookups import load_cities, load_common_words, load_countries, load_regions
from questionnaires.places import find_region_named_as_country, find_regions
from questionnaires.text_normalize import fold_text
from questionnaires.validation.context import IssueText, Mask, ValidationContext

WORD_WITH_DIGIT = re.compile(r"(?<!\S)\S*?\d\S*")  # a house number, a postal code
PLACE_QUESTIONS = ("region", "city")  # in an address, a name is often that of a street or a head office


def complete_region_named_as_country(context: ValidationContext, form: Questionnaire) -> None:
    """Add the region that a row gives as its country to the answer on the region, where that does not name it."""
    index, country = context.column_match.columns.get("country"), context.answers.get("country")
    if index is None or country is None or "region" not in form.by_id:
        return
    column = context.sheet.columns[index]
    cell_codes = column.codes[context.rows]
    for code in np.unique(cell_codes[cell_codes >= 0]):
        text = column.values[code]
        region = None if load_countries().find(text) else find_region_named_as_country(text)
        where = (cell_codes == code) & country.answered
        if region is None or not where.any():
            continue
        regions = context.get_column("region")
        for given in np.unique(regions.codes[where]):
            text = str(regions.values[given]) if given >= 0 else ""
            if region not in find_regions(text, with_places=True):
                regions.set_value(where & (regions.codes == given), "; ".join(filter(None, (region.title, text))))


def settle_country_by_region(context: ValidationContext) -> None:
    """Read the country as that of a region which the row names and which outweighs the country given, and report both cells."""
    country = context.answers.get("country")
    if country is None:
        return
    listed = _list_outweighed()
    for question in PLACE_QUESTIONS:
        answers = context.answers.get(question)
        for code, own in enumerate(list(country.values)) if answers is not None else ():
            where = (country.codes == code) & answers.answered  # type: ignore[union-attr]
            if where.any():
                _settle_country(context, question, str(own), where, with_places=own in listed)


@cache
def _list_outweighed() -> frozenset[str]:
    """Return the countries that some region outweighs."""
    return frozenset(code for region in load_regions() for code in region.outweighs)


def _settle_country(context: ValidationContext, question: str, own: str, where: Mask, *, with_places: bool) -> None:
    """Settle the country of some rows with the same one.

    ``with_places``: a city shows the region too. In any other country, cities of the same name are too common.
    """
    answers, country, names = context.answers[question], context.answers["country"], load_countries().names
    for code in np.unique(answers.codes[where]):
        for region in find_regions(str(answers.values[code]), with_places=with_places):
            if region.counts_over(own):
                rows = where & (answers.codes == code)
                expected = f"{region.title}, {names[region.country]}"
                text = IssueText(str(answers.values[code]), expected, related_question="country")
                context.report("country.settled", question, rows, text)
                country.set_value(rows, region.country)
                break


def report_place_in_other_country(context: ValidationContext, question: str) -> None:
    """Warn if a city, a region or the last part of an address is the name of a country other than the row's.

    No answer is changed. Codes are not considered (CA is California and Canada), nor names that are also a place within the
    row's country. A city or region counts only by the country's own name: many towns have the name of a country in some language.
    """
    places, country = context.answers.get(question), context.answers.get("country")
    if places is None or country is None:
        return
    known = load_countries().by_name
    if question == "address":  # of countries that share a name, the first is what most people mean
        first = {word: codes[0] for word, codes in load_countries().by_shared_name.items()}
        known = {**first, **load_countries().by_word}
    codes_by_end: dict[str, str | None] = {}
    place_codes: list[str | None] = []
    for place in map(str, places.values):
        _, comma, end = place.rpartition(",")
        if question == "address" and not comma:
            place_codes.append(None)
            continue
        if end not in codes_by_end:
            word = fold_text(WORD_WITH_DIGIT.sub(" ", end))
            codes_by_end[end] = known.get(word) if len(word) > 3 or word in ("usa", "uae") else None
        place_codes.append(codes_by_end[end])
    numbers = {code: number for number, code in enumerate(sorted({code for code in place_codes if code}))}
    row_numbers = np.array([*(numbers[code] if code else -1 for code in place_codes), -1])[places.codes]
    names, homonyms = load_countries().names, load_common_words().homonyms
    for place_code, number in numbers.items():
        for code, own in enumerate(country.values):
            if own != place_code and place_code not in homonyms.get(str(own), ()):
                where = (row_numbers == number) & (country.codes == code)
                text = IssueText(names[place_code], names.get(str(own), str(own)), related_question="country")
                context.report("country.contradicted", question, where, text)


def forget_country_of_other_city(context: ValidationContext) -> None:
    """Make a country unknown in rows whose city is a large city of another country only, and report both cells.

    It is not known which of the two is wrong. A country in which labour is imposed everywhere stays, since it is never the safer
    reading. Comes before the other checks of places: a row without a country contradicts nothing else, so it is reported once,
    and a further contradiction cannot bring the country back.
    """
    cities, country = context.answers.get("city"), context.answers.get("country")
    if cities is None or country is None:
        return
    names, homonyms = load_countries().names, load_common_words().homonyms
    imposed = {code for region in load_regions() for code in region.excepted}
    for code, city in enumerate(map(str, cities.values)):
        word = fold_text(city)
        places = load_cities().get(word) or load_cities().get(word.removesuffix("city")) or ()
        if len(places) != 1:
            continue
        (place,) = places
        for own_code, own in enumerate(list(map(str, country.values))):
            if own == place or own in imposed or place in homonyms.get(own, ()) or own in homonyms.get(place, ()):
                continue
            where = (cities.codes == code) & (country.codes == own_code)
            if where.any():
                text = IssueText(city, names[place], related_question="country")
                context.report("country.city", "city", where, text)
                country.codes[where] = -1


def report_place_in_two_countries(context: ValidationContext) -> None:
    """Warn if a city and region are in one country here and in another in more rows of the sheet (if in as many, warn at all of
    them).

    The country next to the right one in a list is picked easily. No answer is changed.
    """
    city, region, country = (context.answers.get(question) for question in ("city", "region", "country"))
    if city is None or region is None or country is None:
        return
    rows = np.flatnonzero(city.answered & region.answered & country.answered)
    cities, regions = (
        np.array([*map(fold_text, map(str, answers.values))], dtype=object)[answers.codes[rows]]
        for answers in (city, region)
    )
    numbers: dict[tuple[str, str], int] = {}
    places = np.array(
        [numbers.setdefault(pair, len(numbers)) for pair in zip(cities, regions, strict=True)], dtype=np.int64
    )
    row_countries = country.codes[rows]
    (pair_places, pair_countries), counts = np.unique(np.stack([places, row_countries]), axis=1, return_counts=True)
    most = np.zeros(len(numbers), dtype=np.int64)
    np.maximum.at(most, pair_places, counts)
    names = load_countries().names
    for place in np.flatnonzero(np.bincount(pair_places, minlength=len(numbers)) > 1):
        is_place = pair_places == place
        usual = {int(code) for code in pair_countries[is_place & (counts == most[place])]}
        for code in map(int, pair_countries[is_place]):
            other_names = sorted(names.get(str(country.values[other]), "") for other in usual - {code})
            if other_names:
                where = rows[(places == place) & (row_countries == code)]
                seen = f"{city.values[city.codes[where[0]]]}, {region.values[region.codes[where[0]]]}"
                text = IssueText(seen, " and ".join(other_names), related_question="country")
                context.report("country.elsewhere", "city", where, text)
