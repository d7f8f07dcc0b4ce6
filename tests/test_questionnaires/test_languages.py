"""Test forms in other languages: what is translated, what falls back to English, and that answers stay the same."""

import re
from datetime import date
from pathlib import Path

import pytest

from questionnaires.form import Questionnaire, list_versions, load_form
from questionnaires.issues import ISSUES
from questionnaires.languages import Translation, list_form_texts, list_languages, list_sector_names, load_language
from questionnaires.lookups import DataFileError, find_sectors, load_sectors
from questionnaires.offline.labels import load_codes_by_label
from questionnaires.question import Question
from questionnaires.text_normalize import fold_text
from questionnaires.validation.text_answers import load_respondent_wordings
from questionnaires.workbook import UNIVERSAL_ANSWERS, list_fixed_texts, list_outgoing_questions, load_template_texts

COMPLETE_LANGUAGES = ["id", "th", "vi", "zh-Hans"]  # the others have the core questions
FORMS = ["site", "site_fishing", "site_construction", "site_domestic_work", "agency"]
LATIN_SCRIPT = ["fil", "id", "ms", "vi"]
LATIN_WORD = re.compile(r"\b(?!IT\b)[A-Za-z]{2,}")  # IT is used in Khmer
FILE = """
code = "xx"
name = "Xish"
english_name = "Example language"
direction = "rtl"

[draft]
"Country" = "Xountry"

[[confirmed]]
by = "labour inspector"
on = 2026-12-05
texts = { "Sector" = "Xector" }
"""


def write_language(folder: Path, text: str = FILE) -> Path:
    """Write the file of a language, and return the folder of languages."""
    (folder / "xx.toml").write_text(text, encoding="utf-8")
    return folder


def list_promised_questions(form: Questionnaire, code: str) -> list[Question]:
    """List the questions to suppliers that a language has to contain: all of them, or those of the core."""
    return [each for each in list_outgoing_questions(form) if each.core or code in COMPLETE_LANGUAGES]


def list_sent_versions(form: str) -> list[Questionnaire]:
    """List the versions of a form that suppliers answer: the newest, and those before it that were sent out."""
    return [load_form(form, version) for version in list_versions(form)[-4:]]


def test_a_text_is_a_draft_until_somebody_has_confirmed_it(tmp_path: Path) -> None:
    language = load_language("xx", write_language(tmp_path))
    assert (language.name, language.direction) == ("Xish", "rtl")
    assert language.texts["Country"] == Translation("Xountry")
    assert language.texts["Sector"] == Translation("Xector", "labour inspector", date(2026, 12, 5))
    assert [each.is_confirmed for each in language.texts.values()] == [False, True]


def test_what_is_missing_appears_in_english_and_is_counted(tmp_path: Path) -> None:
    language = load_language("xx", write_language(tmp_path))
    assert [language.translate(text) for text in ("Country", "Products")] == ["Xountry", "Products"]
    count = language.count(["Country", "Country", "Sector", "Products", ""])
    assert (count.total, count.translated, count.confirmed, count.missing) == (3, 2, 1, 1)


def test_a_text_that_changes_in_english_is_missing_until_it_is_translated_again(tmp_path: Path) -> None:
    language = load_language("xx", write_language(tmp_path))
    assert language.translate("Country of the site") == "Country of the site"


@pytest.mark.parametrize(
    ("changed", "by", "fault"),
    [
        ('code = "xx"', 'code = "yy"', "lacks its code or a name"),
        ('direction = "rtl"', 'direction = "up"', "direction: is 'up'"),
        ('direction = "rtl"', 'side = "rtl"', "has unknown keys: side"),
        ('by = "labour inspector"', 'by = ""', "does not say who confirmed the texts, or when"),
        ("on = 2026-12-05", 'on = "soon"', "does not say who confirmed the texts, or when"),
        ('"Xountry"', '" "', "Country: has an empty translation"),
        ('"Xountry"', "", "is not valid TOML"),
    ],
)
def test_a_file_with_an_error_is_refused(changed: str, by: str, fault: str, tmp_path: Path) -> None:
    with pytest.raises(DataFileError, match=re.escape(fault)):
        load_language("xx", write_language(tmp_path, FILE.replace(changed, by)))


def test_a_language_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataFileError, match="there is no such language"):
        load_language("tlh")


def test_english_is_the_form_itself() -> None:
    assert load_form("site").in_language(load_language("en")) is load_form("site")


# ---------------------------------------------------------------- the languages of the forms


@pytest.mark.parametrize("code", list_languages())
@pytest.mark.parametrize("form", FORMS)
def test_every_question_is_translated_into_each_language(form: str, code: str) -> None:
    language = load_language(code)
    questions = [question for each in list_sent_versions(form) for question in list_promised_questions(each, code)]
    texts = [load_form(form).title, *list_form_texts(questions), *UNIVERSAL_ANSWERS]
    assert [text for text in texts if text not in language.texts] == []
    assert language.count(texts).confirmed == 0, "nobody has confirmed a text yet"


@pytest.mark.parametrize("code", list_languages())
def test_the_words_beside_the_questions_are_translated_into_each_language(code: str) -> None:
    assert [text for text in list_fixed_texts() if text not in load_language(code).texts] == []


@pytest.mark.parametrize("code", list_languages())
def test_evidence_is_asked_for_in_each_language_with_the_words_that_are_read(code: str) -> None:
    language = load_language(code)
    notation = language.translate(load_template_texts()["answers"]["evidence"])
    assert "audit; 2026-03-01; covers recruitment_fees; ref SMETA-123; until 2027-03-01" in notation
    for kind in ("self-declared", "document", "audit", "certificate", "worker voice", "official"):
        assert re.search(rf"{kind} ?[(（]\w", notation), kind
    question = load_form("site").by_id["evidence"]
    assert [text for text in list_form_texts([question]) if text not in language.texts] == []


@pytest.mark.parametrize("code", list_languages())
def test_a_sector_has_a_name_in_each_language(code: str) -> None:
    sectors, named = load_sectors().names, list_sector_names(load_language(code))
    assert named.keys() >= {code for code in sectors if len(code) == 2}, "the divisions"
    assert code not in COMPLETE_LANGUAGES or list(named) == list(sectors)
    assert {"0311", "0126", "2219", "2392"} <= named.keys(), "where the risk differs from that of the division"
    for number, name in named.items():
        (read,) = find_sectors(name)
        assert sectors[read] == sectors[number] or number.startswith(read), name


@pytest.mark.parametrize("code", list_languages())
@pytest.mark.parametrize("form", FORMS)
def test_no_answer_to_choose_from_in_a_core_question_is_in_english(form: str, code: str) -> None:
    language, english = load_language(code), load_form(form)
    translated = english.in_language(language)
    pairs = list(zip(UNIVERSAL_ANSWERS, map(language.translate, UNIVERSAL_ANSWERS), strict=True))
    for question in (each for each in list_outgoing_questions(english) if each.core):
        after = translated.by_id[question.id]
        pairs += [(one.title, other.title) for one, other in zip(question.choices, after.choices, strict=True)]
        if question.type == "sector":
            pairs += [(load_sectors().names[number], name) for number, name in list_sector_names(language).items()]
    assert [before for before, after in pairs if before == after] == []
    assert code in LATIN_SCRIPT or [after for _, after in pairs if LATIN_WORD.search(after)] == []


@pytest.mark.parametrize("code", list_languages())
@pytest.mark.parametrize("form", FORMS)
def test_a_form_in_another_language_asks_the_same(form: str, code: str) -> None:
    english = load_form(form)
    translated = english.in_language(load_language(code))
    assert translated.language.code == code
    for before, after in zip(english.questions, translated.questions, strict=True):
        assert (after.id, after.feeds, after.relevant) == (before.id, before.feeds, before.relevant)
        assert [choice.code for choice in after.choices] == [choice.code for choice in before.choices]
        lookup = after.build_choice_lookup()
        for choice in before.choices:
            assert lookup[fold_text(choice.title)] == choice.code, "the English answer is still understood"
    for question in list_promised_questions(translated, code):
        assert question.ask != english.by_id[question.id].ask


@pytest.mark.parametrize("code", list_languages())
@pytest.mark.parametrize("form", FORMS)
def test_two_answers_to_a_question_are_never_the_same_words(form: str, code: str) -> None:
    for question in load_form(form).in_language(load_language(code)).questions:
        titles = [fold_text(choice.title) for choice in question.choices]
        assert len(set(titles)) == len(titles), question.id
        assert question.type != "many" or not any(
            sign in choice.title for choice in question.choices for sign in ";|；؛"
        )


@pytest.mark.parametrize("form", FORMS)
def test_the_words_of_an_answer_mean_the_same_in_every_language(form: str) -> None:
    english = load_form(form)
    translated = [english.in_language(load_language(code)) for code in list_languages()]
    for question in list_outgoing_questions(english):
        codes = load_codes_by_label(english.id, english.version, question.id)
        for choice in (choice for each in translated for choice in each.by_id[question.id].choices):
            assert codes[fold_text(choice.title)] == choice.code, choice.title


@pytest.mark.parametrize("code", list_languages())
def test_translations_contain_the_numbers_of_the_english_text(code: str) -> None:
    for english, translation in load_language(code).texts.items():
        numbers = re.findall(r"[0-9]+", english)
        assert sorted(re.findall(r"[0-9]+", translation.text)) == sorted(numbers), english


@pytest.mark.parametrize("code", list_languages())
def test_no_translation_is_left_over_from_an_earlier_text(code: str) -> None:
    texts = {text for form in FORMS for each in list_sent_versions(form) for text in list_form_texts(each.questions)}
    texts |= {load_form(form).title for form in FORMS} | {*UNIVERSAL_ANSWERS, *list_fixed_texts()}
    texts |= set(load_sectors().names.values())
    assert load_language(code).texts.keys() <= texts


def test_whoever_answers_on_a_page_reads_of_no_cell_or_row_about_people_and_evidence() -> None:
    codes = {code for code in ISSUES if code.startswith(("person.", "evidence."))} - {"person.column"}
    wordings = load_respondent_wordings()
    assert codes <= wordings.keys()
    assert not [text for text in wordings.values() if re.search(r"\b(cell|row|column|sheet)s?\b", text)]
