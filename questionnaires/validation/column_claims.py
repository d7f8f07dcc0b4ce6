"""Find the questions that columns claim to answer: by what their headers say, beside which other columns, and by their values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from questionnaires.header_words import Context, load_header_words
from questionnaires.person_detection import has_company_word, has_legal_form, names_a_role
from questionnaires.text_normalize import fold_text, list_tokens
from questionnaires.validation.column_values import (
    MIN_TEXTS,
    NUMBER,
    SEVERAL,
    STATUSES,
    SUPPORTED,
    VALUE_KINDS,
    Verdict,
    are_answers,
    build_test,
    is_address,
    is_country,
    is_status,
    is_supported,
)
from questionnaires.validation.headers import (
    COMPOSED,
    PER_CENT,
    PLACE_QUESTIONS,
    SEPARATOR,
    HeaderReading,
    read_headers,
)
from questionnaires.validation.people_headers import SHARES, counts_part
from questionnaires.validation.sheet_columns import SheetColumns

NAMES = frozenset({"name", "name_local"})
NAMED = ("product", "reference", "sector", "trade_name")  # whose headers may be those of names of companies
COUNTED = {share: count for count, share in SHARES.items()}
COORDINATES = ("latitude", "longitude")
HEADQUARTERS = ("hq", "headquarter", "headoffice")
VESSEL_QUESTIONS = frozenset({"call_sign", "flag", "gear", "imo", "vessel_type"})
GROUPS = frozenset({"workers_total", "workers_migrant", "workers_female", "workers_temporary", *SHARES.values()})
WHOLE = re.compile(r"[0-9]{1,3}(?:,?[0-9]{3})*")
LISTED = 0.3  # the share of texts with several countries, from which on these are not where an agency is
QUANTITIES = ("number", "money", "percent")


class Claim(NamedTuple):
    """A column that may answer a question: how well its header says so, and what its values say."""

    rank: int
    column: int
    doubtful: bool
    verdict: Verdict
    unclear: bool = False


class ClaimCollector:
    """The claims of the columns of a sheet; ``columns``: those that a map named by question, ``decided``: the questions of a map.

    ``shared``: the columns that answer several questions; ``at_headquarters``: those on a place that may be another one.
    """

    def __init__(self, table: SheetColumns, columns: Mapping[str, int], decided: frozenset[str]) -> None:
        self.table, self.columns, self.decided = table, columns, decided
        self.words = load_header_words()
        self.header_readings = read_headers(table.headers, table.form)
        self.asked = self.list_asked()
        for index in range(len(table.headers)):
            if instead := self.read_instead(index):
                self.header_readings[index] = instead
                self.asked = self.list_asked()
        self.shared: dict[int, HeaderReading] = {}
        self.at_headquarters: dict[int, str] = {}

    def collect_claims(self) -> dict[str, list[Claim]]:
        """Return by question the columns whose header names it, but those that a map has settled."""
        claims: dict[str, list[Claim]] = {}
        for index in range(len(self.table.headers)):
            reading = self.read_otherwise(index) or self.header_readings[index] or self.read_beside(index)
            if reading is None or index in self.columns.values():
                continue
            if self.table.sheet.stamp and reading.rank == COMPOSED:  # our own forms have exact headers
                continue
            if len(reading.questions) > 1:
                self.shared[index] = reading
                continue
            question = self.tell_by_values(reading.questions[0], index)
            if question == "product" and self.table.numbers_rows(index):
                continue  # an "Item" from 1 is the number of the row
            if question in PLACE_QUESTIONS and self.is_of_headquarters(index):
                self.at_headquarters[index] = question
                continue
            if question == "registration_number" and self.is_of_vessel(index):
                question, reading = "fleet_register_number", reading._replace(rank=COMPOSED)
            if question in GROUPS and self.is_part_of_others(index):
                reading = reading._replace(doubtful=True, unclear=True)
            if question not in self.columns and question not in self.decided:
                verdict = self.table.judge(question, index, reading.rank)
                claims.setdefault(question, []).append(
                    Claim(reading.rank, index, reading.doubtful, verdict, reading.unclear)
                )
        self.has_country = "country" in claims.keys() | self.columns.keys()
        has_names = bool(NAMES & (claims.keys() | self.columns.keys()))
        references = [claim for claim in claims.pop("reference", ()) if self.is_reference(claim.column, has_names)]
        return claims | ({"reference": references} if references else {})

    def list_asked(self, without: int | None = None) -> set[str]:
        """Return the questions that the columns answer by their headers; ``without``: a column that is left out."""
        readings = [reading for index, reading in enumerate(self.header_readings) if reading and index != without]
        return {id_ for reading in readings for id_ in reading.questions} | self.columns.keys()

    def read_beside(self, index: int) -> HeaderReading | None:
        """Return what a header means beside columns of a certain kind ("Type" in a list of vessels), if its values agree."""
        contexts = self.find_contexts(self.words.contexts, index)
        found = next((context.question for context in contexts if self.is_told(context, index)), None)
        return HeaderReading((found,), COMPOSED) if found else None

    def read_instead(self, index: int) -> HeaderReading | None:
        """Return what a header means in a certain list although it means something else elsewhere, where no other column says
        that: the "Company" of vessels that have a name is their owner.
        """
        asked = self.list_asked(without=index)
        contexts = () if self.table.sheet.stamp else self.find_contexts(self.words.instead, index)
        for context in contexts:
            if context.question not in asked | self.decided and self.is_told(context, index, asked):
                return HeaderReading((context.question,), COMPOSED)
        return None

    def find_contexts(self, listed: Mapping[str, Mapping[str, tuple[Context, ...]]], index: int) -> tuple[Context, ...]:
        """Return what a header may mean beside other columns."""
        header, by_header = self.table.headers[index], listed.get(self.table.form.kind, {})
        return by_header.get(fold_text(header)) or by_header.get(self.words.build_key(header), ())

    def read_otherwise(self, index: int) -> HeaderReading | None:
        """Return what an unclear header means where no other column says that: "Country of origin" is that of the supplier."""
        form = self.table.form
        header, listed = self.table.headers[index], self.words.otherwise
        question = listed.get(fold_text(header)) or listed.get(self.words.build_key(header), "")
        if form.kind != "site" or question not in form.by_id or question in self.asked | self.decided:
            return None
        lists_one = not any(SEVERAL.search(text) for text in self.table.texts(index))
        is_answer = lists_one and self.table.consists_of(index, build_test(form.by_id[question]))
        return HeaderReading((question,), COMPOSED) if is_answer else None

    def is_told(self, context: Context, index: int, asked: set[str] | None = None) -> bool:
        """Return whether the other columns (which ask ``asked``) and its own values show that a column answers the question of
        a context.
        """
        if not self.is_beside(context, self.asked if asked is None else asked):
            return False
        return context.question in self.table.form.by_id and are_answers(
            self.table.form.by_id[context.question], self.table.texts(index)
        )

    def is_beside(self, context: Context, asked: set[str]) -> bool:
        """Return whether the other columns, which ask ``asked``, are those of a context, and no header has another word."""
        is_beside = context.also <= asked and (not context.beside or bool(context.beside & asked))
        return is_beside and not any(
            self.table.names(other, context.unless) for other in range(len(self.table.headers))
        )

    def is_reference(self, index: int, has_names: bool) -> bool:
        """Return whether a column may be a reference: a bare "Code" is one only beside names, and as the number of each row."""
        is_bare = any(fold_text(part) in self.words.bare_ids for part in SEPARATOR.split(self.table.headers[index]))
        return not is_bare or (has_names and self.table.identifies_rows(index))

    def is_of_headquarters(self, index: int) -> bool:
        """Return whether a column says where the headquarters are, in a sheet that names sites: these may be elsewhere."""
        has_sites = any(
            reading is not None and "name" in reading.questions and self.table.names(other, self.words.site_words)
            for other, reading in enumerate(self.header_readings)
        )
        return has_sites and self.table.names(index, HEADQUARTERS)

    def is_of_vessel(self, index: int) -> bool:
        """Return whether a registration number is that of a vessel: other columns are of vessels, and it is not a company's."""
        return bool(self.asked & VESSEL_QUESTIONS) and not self.table.names(index, self.words.supplier_words)

    def tell_by_values(self, question: str, index: int) -> str:
        """Return the question of a column that counts people, or that of their share if its values are written in per cent; for
        a contact, that of phone numbers or of names of companies if these are its values; that of names, if no other column has
        them, also for an industry and the like; for an address, that of cities, and the other
        way round; for the country of an agency, those that it sends workers to; for housing, its type or number of places; for
        agencies, whether there are any, or the other way round; for pay, the amount of it.
        """
        table, form = self.table, self.table.form
        texts = table.texts(index)
        if question in NAMED and not NAMES & self.asked and table.consists_of(index, has_legal_form, SUPPORTED):
            return "name"  # "Name of industry", "English name"
        is_place = question == "address" and "city" not in self.asked and table.names(index, ("location", "place"))
        if is_place and is_supported("city", texts):
            return "city"
        if question == "city" and "address" not in self.asked and table.consists_of(index, is_address, SUPPORTED):
            return "address"
        if question == "contact_name" and table.consists_of(index, is_phone):
            return "contact_phone"
        if question == "contact_name" and len(texts) >= MIN_TEXTS and table.consists_of(index, has_company_word):
            return "name"
        if question == "agencies" and table.consists_of(index, is_yes_or_no):
            return "uses_agencies"
        if question == "agencies" and "workers_total" in self.asked and self.counts_people(index):
            return "workers_temporary"
        if question == "uses_agencies" and table.consists_of(index, has_company_word, SUPPORTED):
            return "agencies"
        if question == "wage_level" and len(texts) >= MIN_TEXTS and table.consists_of(index, NUMBER.fullmatch):
            return "wage"
        if question == "country" and form.kind == "agency" and table.consists_of(index, is_list, LISTED):
            return "destination_countries"  # "Country of operation"
        if question == "housing" and texts and not any(map(build_test(form.by_id[question]), texts)):
            if not table.consists_of(index, WHOLE.fullmatch):
                return "housing_type"  # "Hostel"
            return "housing_places" if table.names(index, self.words.suffixes["housing_places"]) else question
        if question in COUNTED and texts and not table.may_be_share(index):
            return COUNTED[question]  # "% or no. of women"
        share = SHARES.get(question, "")
        return share if share in form.by_id and table.consists_of(index, PER_CENT.search) else question

    def counts_people(self, index: int) -> bool:
        """Return whether a column has whole numbers, and its header does not say that they are numbers of something."""
        roles = self.words.people
        is_number = any(roles.get(token) == "number" for token in list_tokens(self.table.headers[index]))
        return not is_number and self.table.consists_of(index, WHOLE.fullmatch, 1)

    def is_part_of_others(self, index: int) -> bool:
        """Return whether a header counts some of those in the column before it, who are no workers: "Nombre de producteurs", and
        "dont femmes" after it.
        """
        headers = self.table.headers
        if not counts_part(headers[index]):
            return False
        before = next((i for i in range(index - 1, -1, -1) if headers[i] and not counts_part(headers[i])), None)
        reading = None if before is None else self.header_readings[before]
        return reading is None or GROUPS.isdisjoint(reading.questions)

    def is_certain(self, question: str, claim: Claim) -> bool:
        """Return whether a header says enough: all of it is understood, or the values show what it says in part."""
        if question == "region" and not self.has_country and self.has_country_codes(claim.column):
            return False  # "SG", "CN" and "JP" as the regions of suppliers
        if question == "owner" and self.table.form.kind == "site" and not self.asked & VESSEL_QUESTIONS:
            return False  # away from vessels it may be a person, in whatever language
        if not claim.doubtful:
            return True
        context = self.words.told_by.get(question)
        if context and claim.unclear and self.is_told(context, claim.column):
            return True
        if context and claim.unclear and question in STATUSES and self.is_beside(context, self.asked):
            return self.table.consists_of(claim.column, is_status)  # each register has words of its own for it
        if claim.unclear:  # the whole header is understood, and may still mean something else
            lists_several = any(len(SEVERAL.split(text)) > 1 for text in self.table.texts(claim.column))
            is_asked = fold_text(self.table.headers[claim.column]) in self.words.always_asked
            return lists_several and question in self.words.told_by_several and not is_asked
        if question in NAMES and names_a_role(self.table.headers[claim.column]):
            return False  # "Liaison / Name"
        if question == "name" and self.table.names(claim.column, self.words.site_words):
            return True  # "Estate / Garden"
        is_quantity = self.table.form.by_id[question].type in QUANTITIES and question not in COORDINATES
        if is_quantity and SEPARATOR.search(self.table.headers[claim.column]):
            return False  # any number would show that: "Workers (interviewed)"
        if self.table.names(claim.column, self.words.other_words):
            return False  # "Brand / Country"
        return claim.verdict == "supports" and not (question in SHARES and self.table.may_be_share(claim.column))

    def has_country_codes(self, index: int) -> bool:
        """Return whether all texts of a column are codes of countries, and its header does not say that they are of states."""
        texts = self.table.texts(index)
        is_state = self.table.names(index, self.words.wide_regions)
        return not is_state and len(texts) >= MIN_TEXTS and all(map(is_country_code, texts))


def is_country_code(text: str) -> bool:
    """Return whether a text is written as the code of a country; states of other countries have the same."""
    return len(text) <= 3 and text.isupper() and is_country(text)


def is_list(text: str) -> bool:
    """Return whether a text lists several things."""
    return len([part for part in SEVERAL.split(text) if part.strip()]) > 1


def is_yes_or_no(text: str) -> bool:
    """Return whether a text says yes or no."""
    return VALUE_KINDS["yes_no"](text) is True


def is_phone(text: str) -> bool:
    """Return whether a text is a number of a telephone, and no name."""
    return len(text) > 6 and NUMBER.fullmatch(text.removeprefix("+")) is not None
