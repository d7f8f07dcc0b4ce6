"""Tests of headers in other languages than English (``lists/header_words.csv``): what they ask, and what they do not."""

import tomllib
from pathlib import Path

import pytest

from questionnaires import foreign_headers
from questionnaires.foreign_headers import LISTED_KINDS, load_foreign_headers
from questionnaires.form import load_combined_form
from questionnaires.lookups import DataFileError
from questionnaires.validation.headers import read_header

HEADERS = tomllib.loads((Path(__file__).parent / "foreign_headers.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def site_form():
    return load_combined_form("site")


def test_a_header_says_whose_it_is_in_the_order_of_its_language(site_form):
    readings = {
        (question, header): reading.questions if (reading := read_header(header, site_form)) else ()
        for question, headers in HEADERS["asked"].items()
        for header in headers
    }

    assert {key: asked for key, asked in readings.items() if asked != (key[0],)} == {}


def test_headers_about_customers_and_persons_are_not_read(site_form):
    assert [header for header in HEADERS["others"]["headers"] if read_header(header, site_form)] == []


def test_words_of_agencies_name_the_agency_in_its_own_list_only(site_form):
    agency_form = load_combined_form("agency")

    for header in ("Nombre de la agencia", "仲介公司名稱", "اسم المكتب"):
        assert read_header(header, agency_form).questions == ("name",)
        assert "name" not in getattr(read_header(header, site_form), "questions", ())


@pytest.mark.parametrize("kind", LISTED_KINDS)
def test_no_word_of_the_list_is_a_header_of_a_form_with_another_meaning(kind):
    form = load_combined_form(kind)
    listed = load_foreign_headers().headers[kind]

    others = {word: form.headers[word][1] for word, id_ in listed.items() if form.headers.get(word, (0, id_))[1] != id_}

    assert others == {}


@pytest.mark.parametrize("header", ["الرقم الموحد", "الأنشطة", "الانشطة", "كد پستي", "شهر/شهرستان"])
def test_arabic_letters_may_be_typed_plain_or_with_another_keyboard(header, site_form):
    assert read_header(header, site_form) is not None


def test_a_word_with_two_meanings_is_refused(monkeypatch):
    rows = [
        {"language": "fr", "sheet": "", "means": "city", "words": "Lieu"},
        {"language": "fr", "sheet": "site", "means": "address", "words": "lieu"},
    ]
    monkeypatch.setattr(foreign_headers, "read_list", lambda name: rows)

    with pytest.raises(DataFileError, match=r"'lieu' \(fr\) also means city"):
        load_foreign_headers.__wrapped__()
