"""Look up the words of headers (``lists/headers.toml`` and ``lists/header_words.csv``), and compare headers by their words."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from questionnaires.foreign_headers import LISTED_KINDS, load_foreign_headers
from questionnaires.lookups import LISTS_DIR, DataFileError
from questionnaires.text_normalize import find_singular, fold_text, list_tokens

PEOPLE = "workers_"  # how the questions that count people begin
PLAIN_HEADER = re.compile(r"[A-Za-z0-9 _./()'-]+")  # other signs and letters say more than the words


@dataclass(frozen=True)
class Context:
    """What a header means beside columns that answer some questions (any if there are none), where no header has some words:
    "Type" is that of a vessel beside its flag. ``also``: questions that other columns must answer besides.
    """

    question: str
    beside: frozenset[str]
    unless: frozenset[str]
    also: frozenset[str] = frozenset()


@dataclass(frozen=True)
class HeaderWords:
    """The words of ``lists/headers.toml`` and ``lists/header_words.csv``, folded: headers beyond those of the forms, and how
    headers are put together.

    ``texts``: by kind of sheet, the question of each header of the former as it is written; ``headers``: of both, folded.
    ``prefixes``: by kind, the words that may precede a header of ``prefixed`` questions; ``around``: those in other languages,
    which may also follow it. ``suffixes``: by question, the words that may follow it. ``site_words``, ``supplier_words``: what
    the header of a name says that it names. ``other_words``: those that say that a column is about somebody else. ``unclear``:
    by kind, the question that a header may mean; for those in ``told_by_several``, values that list several things show that it
    does, and so do the columns in ``told_by``; nothing does for those ``always_asked``; ``otherwise``: what such a header means
    where no other column answers that. ``contexts``: by kind, what headers mean beside other columns only; ``instead``: what
    they mean there instead of what they mean elsewhere. ``not_a_region``, ``not_a_company``, ``not_a_sector``: values that are
    none. ``abbreviations``: the words that short ones stand for. ``qualifiers``: words that only say how any answer is written.
    ``question_words``: words that only ask. ``bare_ids``: headers of numbers that may be those of the rows; after the words
    ``id_owners`` they are. ``wide_regions``, ``narrow_regions``: words for the wider and the narrower of two parts of a
    country. ``firsts``: questions of which the first of several columns is read; ``preferred``: by question, the words of the
    header that is read of several, best first. ``rather``: the questions of words that released forms list under another.
    ``people``: what each word says in a header about people: "noun", "count", "number" (before the noun), "share", or the
    question that asks for a group of them; ``adjectives`` need a noun. ``people_elsewhere``: words for people who are not at
    the site; ``own_people``: for those of an agency itself.
    """

    texts: Mapping[str, Mapping[str, str]]
    headers: Mapping[str, Mapping[str, str]]
    prefixes: Mapping[str, frozenset[str]]
    around: Mapping[str, frozenset[str]]
    prefixed: frozenset[str]
    suffixes: Mapping[str, frozenset[str]]
    site_words: frozenset[str]
    supplier_words: frozenset[str]
    other_words: frozenset[str]
    unclear: Mapping[str, Mapping[str, str]]
    told_by_several: frozenset[str]
    always_asked: frozenset[str]
    told_by: Mapping[str, Context]
    otherwise: Mapping[str, str]
    contexts: Mapping[str, Mapping[str, tuple[Context, ...]]]
    instead: Mapping[str, Mapping[str, tuple[Context, ...]]]
    not_a_region: frozenset[str]
    not_a_company: frozenset[str]
    abbreviations: Mapping[str, str]
    qualifiers: frozenset[str]
    bare_ids: frozenset[str]
    id_owners: frozenset[str]
    not_a_sector: frozenset[str]
    wide_regions: tuple[str, ...]
    narrow_regions: tuple[str, ...]
    question_words: frozenset[str]
    firsts: frozenset[str]
    preferred: Mapping[str, tuple[str, ...]]
    rather: Mapping[str, str]
    people: Mapping[str, str]
    adjectives: frozenset[str]
    people_elsewhere: frozenset[str]
    own_people: frozenset[str]

    def normalize(self, tokens: Iterable[str]) -> list[str]:
        """Return words of a header as they are compared: written in full, and in the singular."""
        return _normalize(tokens, self.abbreviations)

    def build_key(self, text: str) -> str:
        """Return what headers in English have in common that differ in plurals and abbreviations only; "" for one with signs or
        letters of other languages, which may say more than its words.
        """
        return "".join(self.normalize(list_tokens(text))) if PLAIN_HEADER.fullmatch(text) else ""

    def map_keys(self, questions: Iterable[tuple[str, str]]) -> dict[str, str]:
        """Return the question of each key of some headers (text and question), also turned ("Type of site": "Site type").

        Keys that mean several questions are left out, and headers that count people: "Worker name" is no number of workers.
        """
        keys: dict[str, str] = {}
        for text, question in questions:
            before, of, after = text.partition(" of ")
            for each in (text, f"{after} {before}") if of else (text,):
                if (key := self.build_key(each)) and not question.startswith(PEOPLE):
                    keys[key] = question if keys.get(key, question) == question else ""
        return {key: question for key, question in keys.items() if question}


def _normalize(tokens: Iterable[str], abbreviations: Mapping[str, str]) -> list[str]:
    return [find_singular(abbreviations.get(token, token)) for token in tokens]


def _map_texts(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return the question of each header, by kind. Raises :class:`DataFileError` if one header would mean two questions."""
    texts: dict[str, dict[str, str]] = {}
    for kind in LISTED_KINDS:
        folded: dict[str, str] = {}
        for family in data["family"]:
            for question, listed in (*family.get("headers", {}).items(), *family.get(kind, {}).items()):
                for header in listed:
                    if folded.setdefault(fold_text(header), question) != question:
                        fault = f"the header '{header}' also means {folded[fold_text(header)]}"
                        raise DataFileError("lists/headers.toml", question, fault, "Use it for only one of them.")
                    texts.setdefault(kind, {})[header] = question
    return texts


def _build_context(entry: Mapping[str, Any], beside: str) -> Context:
    unless = frozenset(map(fold_text, entry.get("unless", ())))
    return Context(entry["question"], frozenset(entry[beside]), unless, frozenset(entry.get("also", ())))


def _map_contexts(entries: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, tuple[Context, ...]]]:
    """Return what headers mean beside other columns, by kind and folded header."""
    contexts: dict[str, dict[str, tuple[Context, ...]]] = {kind: {} for kind in LISTED_KINDS}
    for entry in entries:
        context = _build_context(entry, "beside")
        for header in map(fold_text, entry["headers"]):
            for kind in (entry["kind"],) if "kind" in entry else LISTED_KINDS:
                contexts[kind][header] = (*contexts[kind].get(header, ()), context)
    return contexts


@cache
def load_header_words() -> HeaderWords:
    """Load the words of headers. Raises :class:`DataFileError` if one header of a list would mean two questions."""
    foreign = load_foreign_headers()
    data = tomllib.loads((LISTS_DIR / "headers.toml").read_text(encoding="utf-8"))
    texts = _map_texts(data)
    abbreviations = {fold_text(short): word for word, listed in data["abbreviations"].items() for short in listed}

    def fold_words(listed: Iterable[str]) -> frozenset[str]:
        return frozenset(
            word for text in listed for word in (fold_text(text), "".join(map(find_singular, list_tokens(text))))
        )

    suffixes: dict[str, frozenset[str]] = {}
    for entry in data["suffix"]:
        for question in entry["questions"]:
            suffixes[question] = suffixes.get(question, frozenset()) | fold_words(entry["words"])
    unclear: dict[str, dict[str, str]] = {kind: {} for kind in LISTED_KINDS}
    for entry in data["unclear"]:
        unclear[entry["kind"]] |= dict.fromkeys(map(fold_text, entry["headers"]), entry["question"])
    return HeaderWords(
        texts=texts,
        headers={
            kind: foreign.headers[kind] | {fold_text(text): question for text, question in texts[kind].items()}
            for kind in LISTED_KINDS
        },
        prefixes={kind: fold_words(data["prefix"][kind]) | foreign.around[kind] for kind in LISTED_KINDS},
        around=foreign.around,
        prefixed=frozenset(data["prefix"]["questions"]),
        suffixes=suffixes,
        site_words=foreign.site_words.union(map(fold_text, data["name_order"]["site"])),
        supplier_words=foreign.supplier_words.union(map(fold_text, data["name_order"]["supplier"])),
        other_words=frozenset(map(fold_text, data["other"]["words"])),
        unclear=unclear,
        told_by_several=frozenset(entry["question"] for entry in data["unclear"] if entry.get("told_by_several")),
        always_asked=frozenset(
            fold_text(header) for entry in data["unclear"] if entry.get("always_asked") for header in entry["headers"]
        ),
        told_by={
            entry["question"]: _build_context(entry, "told_by") for entry in data["unclear"] if "told_by" in entry
        },
        otherwise={
            fold_text(header): entry["otherwise"]
            for entry in data["unclear"]
            if "otherwise" in entry
            for header in entry["headers"]
        },
        contexts=_map_contexts(data["beside"]),
        instead=_map_contexts(data["instead"]),
        not_a_company=frozenset(map(fold_text, data["not_a_company"]["names"])),
        not_a_region=frozenset(map(fold_text, data["not_a_region"]["names"])),
        abbreviations=abbreviations,
        qualifiers=frozenset(map(fold_text, data["qualifiers"]["words"])),
        bare_ids=foreign.bare_ids.union(map(fold_text, data["bare_ids"]["headers"])),
        id_owners=foreign.id_owners.union(map(fold_text, data["bare_ids"]["after"])),
        not_a_sector=frozenset(map(fold_text, data["not_a_sector"]["names"])),
        wide_regions=tuple(map(fold_text, data["region_order"]["wide"])),
        narrow_regions=tuple(map(fold_text, data["region_order"]["narrow"])),
        question_words=frozenset(map(fold_text, data["question_words"]["words"])),
        firsts=frozenset(data["several"]["first"]),
        preferred={question: tuple(map(fold_text, words)) for question, words in data["several"]["preferred"].items()},
        rather={fold_text(header): question for question, listed in data["rather"].items() for header in listed},
        people=foreign.people
        | {fold_text(word): role for role, listed in data["people"].items() if role != "adjectives" for word in listed},
        adjectives=foreign.adjectives.union(map(fold_text, data["people"]["adjectives"])),
        people_elsewhere=frozenset(map(fold_text, data["whose_people"]["elsewhere"])),
        own_people=frozenset(map(fold_text, data["whose_people"]["own"])),
    )
