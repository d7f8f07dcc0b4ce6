"""Translations as a PO file (gettext), which translation programs edit: written for a reviewer, and read again.

A translation that is not confirmed is marked as fuzzy, as usual: whoever checks it removes the mark. Reading the file says what
it would change before anything is saved.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO

from babel.messages import Catalog, Message
from babel.messages.pofile import PoFileError, read_po, write_po
from rapidfuzz import fuzz, process

from service.errors import DomainError
from service.translations.catalog import State, Text, Texts, find_fault, get_forms, list_texts, pad_forms
from service.translations.review import Review, count_plurals

MEDIA_TYPE = "text/x-gettext-translation"
SIMILAR = (
    75  # from which an unknown English text is taken for an earlier wording of one that exists (rapidfuzz, 0 to 100)
)
# Beyond which a file is refused, or unknown texts are only listed: looking for a similar one takes a millisecond or two.
MOST_BYTES, MOST_ENTRIES, MOST_COMPARED = 5_000_000, 20_000, 200
LONGEST = 5_000  # characters of an unknown text that is compared
STATE_NOTES = {
    "draft": "State: draft",
    "back_translated": "State: draft, translated back",
    "confirmed": "State: confirmed",
}


@dataclass(frozen=True)
class Fault:
    """What cannot be used of a file: the line of an entry, its English text, and why."""

    line: int
    english: str
    reason: str


@dataclass(frozen=True)
class Upload:
    """What a file says. ``reviews``: what is new in it; ``outdated``: entries whose English has changed since it was written;
    ``unknown``: entries that are no texts of ours; ``faults``: translations that cannot be used.
    """

    reviews: tuple[Review, ...]
    reworded: int
    confirmed: int
    reopened: int
    unchanged: int
    outdated: tuple[Fault, ...]
    unknown: tuple[Fault, ...]
    faults: tuple[Fault, ...]


def build_po_file(texts: Texts, wanted: Iterable[Text] | None = None) -> bytes:
    """Return a PO file of a language with some texts, all by default, their translations and how far these were checked."""
    catalog = Catalog(locale=str(texts.locale), project="Diligence", fuzzy=False)
    for text in list_texts() if wanted is None else wanted:
        wording = texts.find(text)
        notes = [text.comment, STATE_NOTES[wording.state] if wording else "State: not translated"]
        forms = wording.forms if wording else ("",)
        catalog.add(
            (text.english, text.plural) if text.plural else text.english,
            pad_forms(forms, catalog.num_plurals) if text.plural else forms[0],
            context=text.context,
            auto_comments=[note for note in notes if note],
            flags=["fuzzy"] if wording and wording.state != "confirmed" else [],
        )
    file = BytesIO()
    write_po(file, catalog, width=0)
    return file.getvalue()


def read_po_file(data: bytes, texts: Texts) -> Upload:
    """Read a PO file of a language; ``texts``: what is read in it now.

    An entry without the mark "fuzzy" is confirmed. One with it is a draft: it changes something only if its translation differs,
    or if it was confirmed. Entries without a translation change nothing. Raises DomainError: ``po.too_large``, 413;
    ``po.unreadable``, 422; ``po.language``, 422, for a file of another language.
    """
    if len(data) > MOST_BYTES:
        raise DomainError("po.too_large", 413, f"A file can be up to {MOST_BYTES // 1_000_000} MB.")
    try:
        catalog = read_po(BytesIO(data), abort_invalid=True)
    except (PoFileError, UnicodeError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f" Line {line + 1} cannot be read." if isinstance(line, int) else ""
        raise DomainError("po.unreadable", 422, f"This is not a PO file (gettext).{where}") from error
    if len(catalog) > MOST_ENTRIES:
        raise DomainError("po.too_large", 413, f"A file can contain up to {MOST_ENTRIES:,} texts.")
    if catalog.locale is not None and catalog.locale != texts.locale:
        raise DomainError("po.language", 422, f"This file is for the language {catalog.locale}, not {texts.locale}.")
    return _compare(catalog, texts)


def _compare(catalog: Catalog, texts: Texts) -> Upload:
    known = {(text.context, text.english): text for text in list_texts()}
    there = {(message.context, _get_english(message)) for message in catalog if message.id}
    absent = {key: text.english for key, text in known.items() if key not in there}
    reviews, faults = [], []
    outdated, unknown = list[Fault](), list[Fault]()
    reworded = confirmed = reopened = unchanged = 0
    for message in catalog:
        english = _get_english(message)
        forms = get_forms(message)
        if not english:
            continue
        text, line = known.get((message.context, english)), message.lineno or 0
        if text is None:
            is_compared = len(outdated) + len(unknown) < MOST_COMPARED and len(english) <= LONGEST
            if is_compared and (now := _find_similar(message, absent)):
                outdated.append(Fault(line, english, now))
            else:
                unknown.append(Fault(line, english, ""))
            continue
        before = texts.find(text)
        if not any(forms):
            unchanged += 1
            continue
        if fault := find_fault(text, forms[: count_plurals(texts.code, text)]):
            faults.append(Fault(line, english, fault))
            continue
        is_new = before is None or before.forms != forms
        state: State = "confirmed"
        if message.fuzzy:
            state = "draft" if is_new or before is None or before.state == "confirmed" else before.state
        if not is_new and before is not None and before.state == state:
            unchanged += 1
            continue
        reviews.append(Review(text, forms, state))
        reworded += is_new
        confirmed += state == "confirmed"
        reopened += before is not None and before.state == "confirmed" and state == "draft"
    return Upload(
        tuple(reviews), reworded, confirmed, reopened, unchanged, tuple(outdated), tuple(unknown), tuple(faults)
    )


def _get_english(message: Message) -> str:
    return message.id if isinstance(message.id, str) else message.id[0]


def _find_similar(message: Message, absent: Mapping[tuple[str | None, str], str]) -> str:
    """Return the text that has probably taken the place of an unknown one: the most similar of those that a file lacks, or ""."""
    candidates = [english for (context, _), english in absent.items() if context == message.context]
    found = process.extractOne(_get_english(message), candidates, scorer=fuzz.ratio, score_cutoff=SIMILAR)
    return found[0] if found else ""
