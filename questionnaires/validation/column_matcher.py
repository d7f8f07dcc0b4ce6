"""Match the columns of one sheet with the questions of a form, by what the headers say and what the values are.

A header names a question by its id, its title, a synonym or a word of ``lists/headers.toml``; the better rank wins. A column
whose values contradict its header, or whose header says only half of what it is, is never read without being asked about.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from questionnaires.form import JUDGED_KINDS
from questionnaires.header_words import load_header_words
from questionnaires.issues import Issue, build_issue
from questionnaires.parse.answer import make_legible
from questionnaires.person_detection import (
    are_names_of_persons,
    detect_personal_column,
    detect_personal_data,
    has_company_word,
    has_legal_form,
    names_a_role,
)
from questionnaires.question import Question
from questionnaires.sheet import Sheet
from questionnaires.text_normalize import fold_text, list_tokens
from questionnaires.validation.column_claims import NAMES, QUANTITIES, Claim, ClaimCollector
from questionnaires.validation.column_match import ColumnMatch, ColumnReading
from questionnaires.validation.column_values import (
    DATE,
    MOST,
    NUMBER,
    find_share,
    is_country,
    judge_values,
    list_ends,
    sample_texts,
)
from questionnaires.validation.headers import (
    COMPOSED,
    is_bare_name,
    is_header_of_codes,
)
from questionnaires.validation.near_misses import find_near_miss, is_slip
from questionnaires.validation.sheet_columns import UNIQUE_QUESTIONS, SheetColumns, is_judged

DIGITS = re.compile(r"[0-9]+")
LATIN = re.compile(r"[A-Za-z]")
LATIN_END = "\u0250"
SAMPLES = 3  # values shown beside a column
PLACE_ORDER = ("address", "city", "region", "postal_code")  # which question a text of several parts answers best


def contradicts(sheet: Sheet, header_row: int, question: Question, index: int) -> bool:
    """Return whether the values of a column contradict that it answers a question, whatever its header says."""
    texts = sample_texts(sheet.columns[index], header_row - sheet.first_row)
    return judge_values(question, texts, COMPOSED) == "contradicts"


class ColumnMatcher:
    """The matching of the columns of one sheet with the questions of a form; ``columns`` has those that a map named.

    ``decided``: the questions that a map answers, by a column or by none.
    """

    def __init__(self, table: SheetColumns, columns: Mapping[str, int], decided: frozenset[str]) -> None:
        self.table, self.columns, self.decided = table, dict(columns), decided
        self.readings = {
            index: ColumnReading(index, table.headers[index], question, "sure") for question, index in columns.items()
        }
        self.claims = ClaimCollector(table, columns, decided)
        self.tied: set[str] = set()
        self.numbers: list[int] = []  # columns of numbers under a header such as "Vendor"
        self.issues: list[Issue] = []
        self.words = load_header_words()

    def match(self, doubted: Mapping[str, int | None]) -> ColumnMatch:
        """Return the match: by headers first, then by values and by similar spelling.

        ``doubted``: columns that answered a question in an earlier file, and whose values contradict that now.
        """
        claims = self.claims.collect_claims()
        for index, question in self.claims.at_headquarters.items():
            self.ask(question, index, "schema.unclear")
        for question, claimed in claims.items():
            self.settle_question(question, claimed)
        self.settle_numbers()
        self.settle_row_numbers()
        self.settle_shared_columns()
        for question, column in doubted.items():
            if column is not None and question not in self.columns:
                self.ask(question, column, "schema.values")
        for index, header in enumerate(self.table.headers):
            if header and index not in self.readings:
                self.propose_by_values(index)
        columns = {question: self.columns[question] for question in self.table.form.by_id if question in self.columns}
        read = set(columns.values())
        return ColumnMatch(
            columns,
            self.table.headers,
            tuple(header for index, header in enumerate(self.table.headers) if header and index not in read),
            frozenset(self.tied),
            tuple(self.issues),
            tuple(self.show_samples(self.readings.get(index) or ColumnReading(index, header))
                  for index, header in enumerate(self.table.headers) if header),
        )  # fmt: skip

    def settle_question(self, question: str, claimed: Sequence[Claim]) -> None:
        """Give a question the best of the columns that claim it; ask about those that are in doubt."""
        if question == "name":
            claimed = self.set_local_names_apart(claimed)
        usable = [
            claim for claim in claimed if claim.verdict != "contradicts" and self.claims.is_certain(question, claim)
        ]
        for claim in claimed:
            if question == "name" and usable and self.is_number_of(claim):
                self.numbers.append(claim.column)
            elif claim not in usable:
                self.ask(
                    question, claim.column, "schema.values" if claim.verdict == "contradicts" else "schema.unclear"
                )
        best = [claim for claim in usable if claim.rank == min(usable)[0]]
        if question == "name":
            has_sites = any(self.table.names(claim.column, self.words.site_words) for claim in usable)
            best = self.order_names(usable if has_sites and self.are_of_suppliers(best) else best)
        elif len(best) > 1 and question == "reference":
            best = self.order_references(best)
        elif question == "workers_total":  # "Staff", "Labour", and their "Total"
            best = [claim for claim in usable if self.table.names(claim.column, ("total",))] or best
        elif len(usable) > 1 and question == "region":
            best = self.set_district_apart(best, usable)
        if len(best) > 1 and question == "name":
            best = [claim for claim in best if self.table.consists_of(claim.column, has_legal_form)] or best
        if len(best) > 1:
            is_same = self.table.are_equal(question, [claim.column for claim in best])
            best = best[:1] if is_same else self.prefer(question, best)
        if len(best) == 1:
            self.read(question, best[0].column, "sure" if best[0].rank < COMPOSED else "likely")
            if question == "name":
                self.read_supplier_of(best[0], usable)
        elif best:
            self.report_tie(question, [claim.column for claim in best])

    def set_local_names_apart(self, claims: Sequence[Claim]) -> Sequence[Claim]:
        """Return the columns of names without the one in another script than Latin, which is read as the local name."""
        local = [claim for claim in claims if self.table.consists_of(claim.column, has_no_latin)]
        is_open = "name_local" in self.table.form.by_id and "name_local" not in self.claims.asked | self.decided
        has_others = any(self.table.consists_of(claim.column, is_all_latin) for claim in claims)
        if len(local) != 1 or not is_open or not has_others:
            return claims
        self.read("name_local", local[0].column, "likely")
        return [claim for claim in claims if claim not in local]

    def set_district_apart(self, best: list[Claim], claims: Sequence[Claim]) -> list[Claim]:
        """Return the columns of the widest parts of a country; one district beside them is the town, if no other column is."""
        narrow = [claim for claim in claims if self.table.names(claim.column, self.words.narrow_regions)]
        wide = [claim for claim in best if self.table.names(claim.column, self.words.wide_regions)]
        wide = wide or [claim for claim in best if claim not in narrow]
        is_open = (
            "city" in self.table.form.by_id and "city" not in self.claims.asked | self.decided | self.columns.keys()
        )
        if wide and len(narrow) == 1 and narrow[0] not in wide and is_open:
            self.read("city", narrow[0].column, "likely")
        return wide or best

    def prefer(self, question: str, claims: list[Claim]) -> list[Claim]:
        """Return those of several columns that a question is read from: the best known kind ("GSTIN" before "PAN"), or the first
        of a series ("Product 1", "Product 2") and of what a row may have several of; all if that does not decide.
        """
        for word in self.words.preferred.get(question, ()):
            if preferred := [claim for claim in claims if self.table.names(claim.column, (word,))]:
                return preferred
        in_words = [claim for claim in claims if not self.table.consists_of(claim.column, NUMBER.fullmatch)]
        claims = in_words or claims  # "Ware" before "HS code"
        headers = [fold_text(self.table.headers[claim.column]) for claim in claims]
        is_series = len(set(headers)) == len(headers) and len({DIGITS.sub("", header) for header in headers}) == 1
        is_first = question in self.words.firsts or is_series
        if question == "reference":
            is_first = all(self.table.identifies_rows(claim.column) for claim in claims)
        return claims[:1] if is_first and len(set(headers)) == len(headers) else claims

    def is_number_of(self, claim: Claim) -> bool:
        """Return whether a column under a word for suppliers or sites has the number of each: "Vendor" beside "Name"."""
        is_number = claim.verdict == "contradicts" and self.table.consists_of(claim.column, NUMBER.fullmatch)
        first = list_tokens(self.table.headers[claim.column])[0]
        is_number &= self.words.people.get(first) != "number"  # "Nombre de producteurs" is how many there are
        return is_number and self.table.names(claim.column, (*self.words.site_words, *self.words.supplier_words))

    def settle_numbers(self) -> None:
        """Read the only column of numbers of suppliers as their reference, if no other column says that."""
        is_open = (
            "reference" in self.table.form.by_id and "reference" not in self.columns.keys() | self.decided | self.tied
        )
        for index in self.numbers:
            if is_open and len(self.numbers) == 1 and self.table.identifies_rows(index):
                self.read("reference", index, "likely")
            else:
                self.ask("name", index, "schema.values")

    def order_names(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return those of several columns with names whose header says that they name sites; all if none or each does."""
        of_sites = [claim for claim in claims if self.table.names(claim.column, self.words.site_words)]
        others = [claim for claim in claims if claim not in of_sites]
        identify = any(self.table.identifies_rows(claim.column) for claim in others)
        if identify and all(self.table.repeats(claim.column) for claim in of_sites):
            of_suppliers = [claim for claim in others if self.table.names(claim.column, self.words.supplier_words)]
            return of_suppliers or list(claims)  # each supplier once, and few plants: those may be the buyer's own
        are_suppliers = all(self.table.names(claim.column, self.words.supplier_words) for claim in others)
        return of_sites if of_sites and are_suppliers else list(claims)

    def order_references(self, claims: Sequence[Claim]) -> list[Claim]:
        """Return those of several columns with references that say which supplier it is, or which site: what the names are of."""
        name = self.columns.get("name")
        if name is not None and not self.table.names(name, self.words.site_words):
            others = [claim for claim in claims if not self.table.names(claim.column, self.words.site_words)]
            if others and all(self.table.identifies_rows(claim.column) for claim in others):
                return others
        return self.order_names(claims)

    def are_of_suppliers(self, claims: Sequence[Claim]) -> bool:
        """Return whether columns of names are of those who supply, and not of sites: the name of the site may be another one."""
        of_suppliers = [self.table.names(claim.column, self.words.supplier_words) for claim in claims]
        return all(of_suppliers) and not any(self.table.names(claim.column, self.words.site_words) for claim in claims)

    def read_supplier_of(self, site: Claim, claims: Sequence[Claim]) -> None:
        """Read the supplier beside the name of a site as the company that it belongs to, if no other column says that."""
        is_site = self.table.names(site.column, self.words.site_words)
        if not is_site or "parent" not in self.table.form.by_id:
            return
        others = [claim.column for claim in claims if claim != site]
        others = [index for index in others if self.table.names(index, self.words.supplier_words)]
        others = [index for index in others if not self.table.names(index, self.words.site_words)]
        if len(others) == 1 and "parent" not in self.columns and "parent" not in self.decided:
            claimed = any(reading and reading.questions == ("parent",) for reading in self.claims.header_readings)
            if not claimed:
                self.read("parent", others[0], "likely")

    def settle_row_numbers(self) -> None:
        """Read the only column of codes before the name as the reference, whoever issued them, if no other may be it."""
        if (
            "reference" in self.claims.asked | self.decided | self.columns.keys()
            or "reference" not in self.table.form.by_id
        ):
            return
        before = [index for index in range(self.columns.get("name", 0)) if self.claims.header_readings[index] is None]
        codes = [index for index in before if index not in self.readings and self.is_column_of_codes(index)]
        if len(codes) == 1 and self.table.identifies_rows(codes[0]) and self.table.consists_of(codes[0], is_code, 1):
            self.read("reference", codes[0], "likely")

    def is_column_of_codes(self, index: int) -> bool:
        """Return whether a header says that a column has numbers or codes; a bare "No." needs letters in them."""
        header = self.table.headers[index]
        is_bare = self.words.build_key(header) == "number" and self.table.consists_of(index, has_letters, 1)
        return is_bare or is_header_of_codes(header)

    def settle_shared_columns(self) -> None:
        """Give the columns that answer two questions about a place to both: the country is at the end of each text."""
        for index, reading in self.claims.shared.items():
            free = [id_ for id_ in reading.questions if id_ not in self.columns and id_ not in self.decided | self.tied]
            texts = self.table.texts(index)
            ends_in_country = bool(texts) and find_share(list_ends(texts), is_country) >= MOST
            country = ["country"] if "country" in free and ends_in_country else []
            others = [id_ for id_ in PLACE_ORDER if id_ in free][:1]
            if country and self.table.consists_of(index, is_country):
                others = []  # "Country (site address)"
            if reading.doubtful or not free or ("country" in free and not country):
                self.ask(free[0] if free else reading.questions[0], index, "schema.unclear")
            for question in () if index in self.readings else (*others, *country):
                self.read(question, index, "likely")

    def propose_by_values(self, index: int) -> None:
        """Read or propose a column whose header is misspelt, or says nothing while its values do."""
        question = find_near_miss(self.table.headers[index], self.table.form, self.columns, self.tied | self.decided)
        if question:
            verdict = self.table.judge(question, index, COMPOSED)
            is_quantity = self.table.form.by_id[question].type in QUANTITIES
            is_clear = not is_quantity and question not in NAMES  # any number is one, and companies have names anywhere
            # Two or three words do not contradict that they are numbers, and are none: jobs under "Position".
            may_be = verdict == "supports" or not is_quantity or self.table.consists_of(index, NUMBER.fullmatch)
            if (verdict == "supports" and is_clear) or (
                verdict != "contradicts" and may_be and is_slip(self.table.headers[index], question, self.table.form)
            ):
                self.read(question, index, "likely")
            else:
                self.ask(question, index, "schema.near_miss")
            return
        if not is_judged(self.table.sheet, self.table.form):
            return
        settled = self.columns.keys() | self.decided | self.tied
        for question in ("lei", "imo", "country"):
            is_open = question in self.table.form.by_id and question not in settled
            if (
                is_open
                and judge_values(self.table.form.by_id[question], self.table.texts(index), COMPOSED) == "supports"
            ):
                if question == "country":  # of what or of whom, the values do not say
                    self.ask(question, index, "schema.unclear")
                else:
                    self.read(question, index, "likely")
                return

    def read(self, question: str, index: int, confidence: str) -> None:
        """Read a column for a question, and say so where that is not certain."""
        self.columns[question] = index
        self.readings.setdefault(index, ColumnReading(index, self.table.headers[index], question, confidence))
        if confidence == "likely":
            self.report("schema.read_as", question, index)

    def ask(self, question: str, index: int, code: str) -> None:
        """Leave a column unread until someone says whether it answers a question."""
        if index not in self.readings:
            self.readings[index] = ColumnReading(index, self.table.headers[index], question, "ask")
            self.report(code, question, index)

    def report(self, code: str, question: str, index: int) -> None:
        """Add the issue of a header."""
        header = "" if detect_personal_data(self.table.headers[index]) else self.table.headers[index]
        sheet, title = self.table.sheet, self.table.form.by_id[question].title
        cell = sheet.name_cell(self.table.header_row, index)
        self.issues.append(
            build_issue(code, file=sheet.file, sheet=sheet.name, cell=cell, header=header, seen=header, expected=title)
        )

    def report_tie(self, question: str, indices: Sequence[int]) -> None:
        """Report columns of equal rank for one question; an error where one header is there twice, and says what a row is."""
        self.tied.add(question)
        headers = [self.table.headers[index] for index in indices]
        cells = [self.table.sheet.name_cell(self.table.header_row, index) for index in indices]
        seen = " and ".join(f"'{header}' ({cell})" for header, cell in zip(headers, cells, strict=True))
        is_repeated = len(set(map(fold_text, headers))) < len(headers)
        issue = build_issue(
            "schema.duplicate_column", file=self.table.sheet.file, sheet=self.table.sheet.name, cell=cells[0], cells=cells,
            header=headers[0], seen=seen, expected=self.table.form.by_id[question].title, count=len(indices),
            cure="Rename or remove all but one." if is_repeated else "",
        )  # fmt: skip
        self.issues.append(replace(issue, severity="error") if is_repeated and question in UNIQUE_QUESTIONS else issue)
        for index in indices:
            self.readings[index] = ColumnReading(index, self.table.headers[index], question, "ask")

    def show_samples(self, reading: ColumnReading) -> ColumnReading:
        """Return the reading of a column with up to three of its values; with none where they may name persons."""
        question = self.table.form.by_id.get(reading.question)
        names_persons = (question is not None and question.person) or detect_personal_column(reading.header) is not None
        if reading.confidence not in ("sure", "likely"):
            names_persons |= names_a_role(reading.header)
        texts = self.table.texts(reading.column)[:SAMPLES]
        names_persons |= not reading.question and are_names_of_persons(texts)
        if not reading.question and is_bare_name(reading.header, self.table.form):
            names_persons |= not self.table.consists_of(reading.column, has_company_word)
        if self.table.form.kind not in JUDGED_KINDS or names_persons or any(map(detect_personal_data, texts)):
            return reading
        return replace(reading, samples=tuple(make_legible(text) for text in texts))


def has_no_latin(text: str) -> bool:
    """Return whether a text has letters, and none of them is Latin."""
    return any(map(str.isalpha, text)) and not LATIN.search(text)


def is_all_latin(text: str) -> bool:
    """Return whether all letters of a text are Latin, with accents or without; not if it has none."""
    letters = [letter for letter in text if letter.isalpha()]
    return bool(letters) and max(letters) < LATIN_END


def has_letters(text: str) -> bool:
    """Return whether a text has Latin letters."""
    return LATIN.search(text) is not None


def is_code(text: str) -> bool:
    """Return whether a text is written as the code of something: one or two words with digits, and no date."""
    return any(map(str.isdigit, text)) and len(text.split()) <= 2 and not DATE.fullmatch(text)
