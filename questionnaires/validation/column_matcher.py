"""Match the columns of one sheet with the questions of a form, by what the headers say and what the values are.

A header names a question by its id, its title, a synonym or a word of ``lists/headers.toml``; the better rank wins. A column
whose values contradict its header, or whose header says only half of what it is, is never read without being asked about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import NamedTuple

import numpy as np

from questionnaires.form import JUDGED_KINDS, Questionnaire
from questionnaires.issues import Issue, build_issue
from questionnaires.lookups import load_countries, load_header_words
from questionnaires.parse.answer import make_legible
from questionnaires.person_detection import detect_personal_column, detect_personal_data, has_company_word
from questionnaires.question import Question
from questionnaires.sheet import Sheet
from questionnaires.text_normalize import fold_text
from questionnaires.validation.column_values import (
    MIN_TEXTS,
    MOST,
    NUMBER,
    SEVERAL,
    Verdict,
    find_share,
    have_equal_values,
    is_country,
    is_identifier,
    judge_values,
    list_ends,
    sample_texts,
)
from questionnaires.validation.headers import COMPOSED, PER_CENT, PLACE_QUESTIONS, SEPARATOR, HeaderReading, read_header
from questionnaires.validation.identifiers import IDENTIFIERS
from questionnaires.validation.near_misses import find_near_miss, is_slip
from questionnaires.validation.people_headers import SHARES

IDENTIFYING_QUESTIONS = ("name", "name_local", "reference", "case_id")  # a row needs one of them
# The questions that say who a row is about and where: a sheet that has the same header twice for one of them is unusable.
NAMES = frozenset({"name", "name_local"})
UNIQUE_QUESTIONS = (*IDENTIFYING_QUESTIONS, "country", "sector")
PLAIN_NUMBER = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
COORDINATES = ("latitude", "longitude")
HEADQUARTERS = ("hq", "headquarter", "headoffice")
VESSEL_QUESTIONS = frozenset({"call_sign", "flag", "gear", "imo", "vessel_type"})
QUANTITIES = ("number", "money", "percent")
SAMPLES = 3  # values shown beside a column
PLACE_ORDER = ("address", "city", "region", "postal_code")  # which question a text of several parts answers best


@dataclass(frozen=True)
class ColumnReading:
    """What a column is taken for: the question that it answers, or that it may answer, and how certain that is.

    ``confidence``: "sure", or "likely" where its header was understood in part or misspelt and the values agree; both are read.
    "ask": not read until someone says so. "" with the question "": nothing is known. ``samples``: up to three values, none of a
    column that may name persons.
    """

    column: int
    header: str
    question: str = ""
    confidence: str = ""
    samples: tuple[str, ...] = ()


@dataclass(frozen=True)
class ColumnMatch:
    """The columns by question id, all headers, the headers without a question, the questions with a tie, and the issues;
    ``readings`` say of each column what it is taken for.
    """

    columns: Mapping[str, int]
    headers: tuple[str, ...]
    unmapped: tuple[str, ...]
    tied: frozenset[str]
    issues: tuple[Issue, ...]
    readings: tuple[ColumnReading, ...] = ()


class Claim(NamedTuple):
    """A column that may answer a question: how well its header says so, and what its values say."""

    rank: int
    column: int
    doubtful: bool
    verdict: Verdict


def is_judged(sheet: Sheet, form: Questionnaire) -> bool:
    """Return whether the values of a sheet say what its columns are; not in a form of ours, whose headers are certain."""
    return not sheet.stamp and form.kind in JUDGED_KINDS


def contradicts(sheet: Sheet, header_row: int, question: Question, index: int) -> bool:
    """Return whether the values of a column contradict that it answers a question, whatever its header says."""
    texts = sample_texts(sheet.columns[index], header_row - sheet.first_row)
    return judge_values(question, texts, COMPOSED) == "contradicts"


class ColumnMatcher:
    """The matching of the columns of one sheet with the questions of a form; ``columns`` has those that a map named."""

    def __init__(
        self,
        sheet: Sheet,
        header_row: int,
        headers: Sequence[str],
        form: Questionnaire,
        columns: Mapping[str, int],
        decided: frozenset[str],
    ) -> None:
        self.sheet, self.header_row, self.headers, self.form = sheet, header_row, tuple(headers), form
        self.columns, self.decided = (
            dict(columns),
            decided,
        )  # ``decided``: the questions that a map answers, by a column or by none
        self.readings = {
            index: ColumnReading(index, headers[index], question, "sure") for question, index in columns.items()
        }
        self.tied: set[str] = set()
        self.numbers: list[int] = []  # columns of numbers under a header such as "Vendor"
        self.issues: list[Issue] = []
        self.words = load_header_words()
        self.texts = cache(lambda index: sample_texts(sheet.columns[index], header_row - sheet.first_row))

    def match(self, doubted: Mapping[str, int | None]) -> ColumnMatch:
        """Return the match: by headers first, then by values and by similar spelling.

        ``doubted``: columns that answered a question in an earlier file, and whose values contradict that now.
        """
        claims = self.collect_claims()
        self.has_country = "country" in claims.keys() | self.columns.keys()
        for question, claimed in claims.items():
            self.settle_question(question, claimed)
        self.settle_numbers()
        self.settle_shared_columns()
        for question, column in doubted.items():
            if column is not None and question not in self.columns:
                self.ask(question, column, "schema.values")
        for index, header in enumerate(self.headers):
            if header and index not in self.readings:
                self.propose_by_values(index)
        columns = {question: self.columns[question] for question in self.form.by_id if question in self.columns}
        read = set(columns.values())
        return ColumnMatch(
            columns,
            self.headers,
            tuple(header for index, header in enumerate(self.headers) if header and index not in read),
            frozenset(self.tied),
            tuple(self.issues),
            tuple(self.show_samples(self.readings.get(index) or ColumnReading(index, header))
                  for index, header in enumerate(self.headers) if header),
        )  # fmt: skip

    def collect_claims(self) -> dict[str, list[Claim]]:
        """Return by question the columns whose header names it, but those that a map has settled."""
        self.shared: dict[int, HeaderReading] = {}
        claims: dict[str, list[Claim]] = {}
        for index, header in enumerate(self.headers):
            reading = None if index in self.columns.values() else read_header(header, self.form)
            if reading is None or (self.sheet.stamp and reading.rank == COMPOSED):  # a form of ours has its own headers
                continue
            if len(reading.questions) > 1:
                self.shared[index] = reading
                continue
            question = self.tell_by_values(reading.questions[0], index)
            if question in PLACE_QUESTIONS and self.is_of_headquarters(index):
                self.ask(question, index, "schema.unclear")
                continue
            if question == "registration_number" and self.is_of_vessel(index):
                question, reading = "fleet_register_number", reading._replace(rank=COMPOSED)
            if question not in self.columns and question not in self.decided:
                verdict = self.judge(question, index, reading.rank)
                claims.setdefault(question, []).append(Claim(reading.rank, index, reading.doubtful, verdict))
        has_names = bool(NAMES & (claims.keys() | self.columns.keys()))
        references = [claim for claim in claims.pop("reference", ()) if self.is_reference(claim.column, has_names)]
        return claims | ({"reference": references} if references else {})

    def is_reference(self, index: int, has_names: bool) -> bool:
        """Return whether a column may be a reference: a bare "Code" is one only beside names, and as the number of each row."""
        is_bare = any(fold_text(part) in self.words.bare_ids for part in SEPARATOR.split(self.headers[index]))
        return not is_bare or (has_names and self.identifies_rows(index))

    def is_of_headquarters(self, index: int) -> bool:
        """Return whether a column says where the headquarters are, in a sheet that names sites: these may be elsewhere."""
        has_sites = any(self.names(other, self.words.site_words) for other in range(len(self.headers)))
        return has_sites and self.names(index, HEADQUARTERS)

    def is_of_vessel(self, index: int) -> bool:
        """Return whether a registration number is that of a vessel: other columns are of vessels, and it is not a company's."""
        asked = {question for header in self.headers for question in find_asked(header, self.form)}
        return bool(asked & VESSEL_QUESTIONS) and not self.names(index, self.words.supplier_words)

    def tell_by_values(self, question: str, index: int) -> str:
        """Return the question of a column that counts people, or that of their share if its values are written in per cent; for
        a contact, that of phone numbers or of names of companies if these are its values.
        """
        share = SHARES.get(question, "")
        texts = self.texts(index)
        if question == "contact_name" and texts and find_share(texts, is_phone) >= MOST:
            return "contact_phone"
        if question == "contact_name" and len(texts) >= MIN_TEXTS and find_share(texts, has_company_word) >= MOST:
            return "name"
        is_share = share in self.form.by_id and bool(texts) and find_share(texts, PER_CENT.search) >= MOST
        return share if is_share else question

    def judge(self, question: str, index: int, rank: int) -> Verdict:
        """Return what the values of a column say; nothing in a form of ours, whose headers are certain."""
        if not is_judged(self.sheet, self.form):
            return "neither"
        return judge_values(self.form.by_id[question], self.texts(index), rank, self.headers[index])

    def identifies_rows(self, index: int) -> bool:
        """Return whether a column has another text in each row, and does not just number them."""
        texts = self.texts(index)
        if texts and any(find_share(texts, partial(is_identifier, kind)) >= MOST for kind in IDENTIFIERS):
            return False  # that is what it is then
        codes = self.sheet.columns[index].codes[self.header_row - self.sheet.first_row + 1 :]
        codes = codes[codes >= 0]
        numbers = sorted(int(text) for text in texts if PLAIN_NUMBER.fullmatch(text) and str(int(float(text))) == text)
        is_numbering = len(numbers) == len(texts) and bool(numbers) and numbers[0] <= 1 and numbers[-1] <= len(codes)
        return len(np.unique(codes)) == len(codes) and not is_numbering

    def settle_question(self, question: str, claimed: Sequence[Claim]) -> None:
        """Give a question the best of the columns that claim it; ask about those that are in doubt."""
        usable = [claim for claim in claimed if claim.verdict != "contradicts" and self.is_certain(question, claim)]
        for claim in claimed:
            if question == "name" and usable and self.is_number_of(claim):
                self.numbers.append(claim.column)
            elif claim not in usable:
                self.ask(
                    question, claim.column, "schema.values" if claim.verdict == "contradicts" else "schema.unclear"
                )
        best = [claim for claim in usable if claim.rank == min(usable)[0]]
        if question == "name":
            best = self.order_names(usable if self.are_of_suppliers(best) else best)
        elif len(best) > 1 and question == "reference":
            best = self.order_names(best)
        elif len(best) > 1 and question == "region":
            best = [claim for claim in best if self.names(claim.column, self.words.wide_regions)] or best
        if len(best) > 1 and self.are_equal(question, best):
            best = best[:1]
        if len(best) == 1:
            self.read(question, best[0].column, "sure" if best[0].rank < COMPOSED else "likely")
            if question == "name":
                self.read_supplier_of(best[0], usable)
        elif best:
            self.report_tie(question, [claim.column for claim in best])

    def is_number_of(self, claim: Claim) -> bool:
        """Return whether a column under a word for suppliers or sites has the number of each: "Vendor" beside "Name"."""
        texts = self.texts(claim.column)
        is_number = claim.verdict == "contradicts" and find_share(texts, NUMBER.fullmatch) >= MOST
        return is_number and self.names(claim.column, (*self.words.site_words, *self.words.supplier_words))

    def settle_numbers(self) -> None:
        """Read the only column of numbers of suppliers as their reference, if no other column says that."""
        is_open = "reference" in self.form.by_id and "reference" not in self.columns.keys() | self.decided | self.tied
        for index in self.numbers:
            if is_open and len(self.numbers) == 1 and self.identifies_rows(index):
                self.read("reference", index, "likely")
            else:
                self.ask("name", index, "schema.values")

    def is_certain(self, question: str, claim: Claim) -> bool:
        """Return whether a header says enough: all of it is understood, or the values show what it says in part."""
        if question == "region" and not self.has_country and self.has_country_codes(claim.column):
            return False  # "SG", "CN" and "JP" as the regions of suppliers
        if not claim.doubtful:
            return True
        if claim.rank < COMPOSED:  # the whole header is understood, and may still mean something else
            before = self.readings.get(claim.column - 1)
            if before is not None and before.question == self.words.told_by.get(question, "-"):
                return True
            lists_several = any(len(SEVERAL.split(text)) > 1 for text in self.texts(claim.column))
            return lists_several and question in self.words.told_by_several
        if question == "name" and self.names(claim.column, self.words.site_words):
            return True  # "Estate / Garden"
        is_quantity = self.form.by_id[question].type in QUANTITIES and question not in COORDINATES
        if is_quantity and SEPARATOR.search(self.headers[claim.column]):
            return False  # any number would show that: "Workers (interviewed)"
        return claim.verdict == "supports" and not (question in SHARES and self.may_be_share(claim.column))

    def has_country_codes(self, index: int) -> bool:
        """Return whether all texts of a column are codes of countries, and its header does not say that they are of states."""
        texts = self.texts(index)
        is_state = self.names(index, self.words.wide_regions)
        return not is_state and len(texts) >= MIN_TEXTS and all(map(is_country_code, texts))

    def may_be_share(self, index: int) -> bool:
        """Return whether all numbers of a column may be per cent."""
        numbers = (text.replace(",", "").strip() for text in self.texts(index))
        return all(float(text) <= 100 for text in numbers if PLAIN_NUMBER.fullmatch(text))

    def order_names(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return those of several columns with names whose header says that they name sites; all if none or each does."""
        of_sites = [claim for claim in claims if self.names(claim.column, self.words.site_words)]
        others = [claim for claim in claims if claim not in of_sites]
        if any(self.identifies_rows(claim.column) for claim in others) and all(map(self.repeats, of_sites)):
            return list(claims)  # each supplier once, and few plants: those may be the buyer's own
        are_suppliers = all(self.names(claim.column, self.words.supplier_words) for claim in others)
        return of_sites if of_sites and are_suppliers else list(claims)

    def repeats(self, claim: Claim) -> bool:
        """Return whether a column says the same in half of the rows or more."""
        codes = self.sheet.columns[claim.column].codes[self.header_row - self.sheet.first_row + 1 :]
        codes = codes[codes >= 0]
        return 2 * len(np.unique(codes)) <= len(codes)

    def are_of_suppliers(self, claims: Sequence[Claim]) -> bool:
        """Return whether columns of names are of those who supply, and not of sites: the name of the site may be another one."""
        of_suppliers = [self.names(claim.column, self.words.supplier_words) for claim in claims]
        return all(of_suppliers) and not any(self.names(claim.column, self.words.site_words) for claim in claims)

    def names(self, index: int, words: Sequence[str]) -> bool:
        """Return whether a header contains one of some folded words."""
        header = fold_text(self.headers[index])
        return any(word in header for word in words)

    def read_supplier_of(self, site: Claim, claims: Sequence[Claim]) -> None:
        """Read the supplier beside the name of a site as the company that it belongs to, if no other column says that."""
        is_site = self.names(site.column, self.words.site_words)
        if not is_site or "parent" not in self.form.by_id:
            return
        others = [claim.column for claim in claims if claim != site]
        others = [index for index in others if self.names(index, self.words.supplier_words)]
        others = [index for index in others if not self.names(index, self.words.site_words)]
        if len(others) == 1 and "parent" not in self.columns and "parent" not in self.decided:
            claimed = any(
                reading and reading.questions == ("parent",)
                for reading in (read_header(header, self.form) for header in self.headers)
            )
            if not claimed:
                self.read("parent", others[0], "likely")

    def are_equal(self, question: str, claims: Sequence[Claim]) -> bool:
        """Return whether several columns say the same, such as the name of a country and its code."""
        headers = {fold_text(self.headers[claim.column]) for claim in claims}
        if len(headers) < len(claims) and question in UNIQUE_QUESTIONS:
            return False
        read = load_countries().read if self.form.by_id[question].type == "country" else fold_text
        first, *others = (self.sheet.columns[claim.column] for claim in claims)
        header_index = self.header_row - self.sheet.first_row
        return all(have_equal_values(first, other, header_index, read) for other in others)

    def settle_shared_columns(self) -> None:
        """Give the columns that answer two questions about a place to both: the country is at the end of each text."""
        for index, reading in self.shared.items():
            free = [id_ for id_ in reading.questions if id_ not in self.columns and id_ not in self.decided | self.tied]
            texts = self.texts(index)
            ends_in_country = bool(texts) and find_share(list_ends(texts), is_country) >= MOST
            country = ["country"] if "country" in free and ends_in_country else []
            others = [id_ for id_ in PLACE_ORDER if id_ in free][:1]
            if reading.doubtful or not free or ("country" in free and not country):
                self.ask(free[0] if free else reading.questions[0], index, "schema.unclear")
            for question in () if index in self.readings else (*others, *country):
                self.read(question, index, "likely")

    def propose_by_values(self, index: int) -> None:
        """Read or propose a column whose header is misspelt, or says nothing while its values do."""
        question = find_near_miss(self.headers[index], self.form, self.columns, self.tied | self.decided)
        if question:
            verdict = self.judge(question, index, COMPOSED)
            is_told = verdict == "supports" and self.form.by_id[question].type not in QUANTITIES  # any number is one
            if is_told or (verdict != "contradicts" and is_slip(self.headers[index], question, self.form)):
                self.read(question, index, "likely")
            else:
                self.ask(question, index, "schema.near_miss")
            return
        if not is_judged(self.sheet, self.form):
            return
        settled = self.columns.keys() | self.decided | self.tied
        for question in ("lei", "imo", "country"):
            is_open = question in self.form.by_id and question not in settled
            if is_open and judge_values(self.form.by_id[question], self.texts(index), COMPOSED) == "supports":
                if question == "country":  # of what or of whom, the values do not say
                    self.ask(question, index, "schema.unclear")
                else:
                    self.read(question, index, "likely")
                return

    def read(self, question: str, index: int, confidence: str) -> None:
        """Read a column for a question, and say so where that is not certain."""
        self.columns[question] = index
        self.readings.setdefault(index, ColumnReading(index, self.headers[index], question, confidence))
        if confidence == "likely":
            self.report("schema.read_as", question, index)

    def ask(self, question: str, index: int, code: str) -> None:
        """Leave a column unread until someone says whether it answers a question."""
        if index not in self.readings:
            self.readings[index] = ColumnReading(index, self.headers[index], question, "ask")
            self.report(code, question, index)

    def report(self, code: str, question: str, index: int) -> None:
        """Add the issue of a header."""
        header = "" if detect_personal_data(self.headers[index]) else self.headers[index]
        self.issues.append(
            build_issue(code, file=self.sheet.file, sheet=self.sheet.name, cell=self.sheet.name_cell(self.header_row, index),
                        header=header, seen=header, expected=self.form.by_id[question].title)
        )  # fmt: skip

    def report_tie(self, question: str, indices: Sequence[int]) -> None:
        """Report columns of equal rank for one question; an error where one header is there twice, and says what a row is."""
        self.tied.add(question)
        headers = [self.headers[index] for index in indices]
        cells = [self.sheet.name_cell(self.header_row, index) for index in indices]
        seen = " and ".join(f"'{header}' ({cell})" for header, cell in zip(headers, cells, strict=True))
        is_repeated = len(set(map(fold_text, headers))) < len(headers)
        issue = build_issue(
            "schema.duplicate_column", file=self.sheet.file, sheet=self.sheet.name, cell=cells[0], cells=cells,
            header=headers[0], seen=seen, expected=self.form.by_id[question].title, count=len(indices),
            cure="Rename or remove all but one." if is_repeated else "",
        )  # fmt: skip
        self.issues.append(replace(issue, severity="error") if is_repeated and question in UNIQUE_QUESTIONS else issue)
        for index in indices:
            self.readings[index] = ColumnReading(index, self.headers[index], question, "ask")

    def show_samples(self, reading: ColumnReading) -> ColumnReading:
        """Return the reading of a column with up to three of its values; with none where they may name persons."""
        question = self.form.by_id.get(reading.question)
        names_persons = (question is not None and question.person) or detect_personal_column(reading.header) is not None
        texts = self.texts(reading.column)[:SAMPLES]
        if self.form.kind not in JUDGED_KINDS or names_persons or any(map(detect_personal_data, texts)):
            return reading
        return replace(reading, samples=tuple(make_legible(text) for text in texts))


def find_asked(header: str, form: Questionnaire) -> tuple[str, ...]:
    """Return the questions that a header asks, none if it is not understood."""
    reading = read_header(header, form)
    return reading.questions if reading else ()


def is_country_code(text: str) -> bool:
    """Return whether a text is written as the code of a country; states of other countries have the same."""
    return len(text) <= 3 and text.isupper() and is_country(text)


def is_phone(text: str) -> bool:
    """Return whether a text is a number of a telephone, and no name."""
    return len(text) > 6 and NUMBER.fullmatch(text.removeprefix("+")) is not None
