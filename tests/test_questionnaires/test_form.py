"""Forms as files: what loads, what is refused and how it is said, and the schema made of them."""

import re
from pathlib import Path

import pytest
from marshmallow import ValidationError

from questionnaires.form import form_ids, load, load_reading_form, schema, versions
from questionnaires.lookups import BadFile
from tests.test_questionnaires.tables import FORMS, SITE

HEAD = 'id = "toy"\nversion = "2026.1"\ntitle = "Toy"\nkind = "site"\n'
NAME = '[[question]]\nid = "name"\nsection = "Who"\ntype = "text"\ntitle = "Name"\nask = "Name?"\n'


def written(folder: Path, text: str, form: str = "toy", version: str = "2026.1") -> Path:
    """A folder of forms with this file in it."""
    (folder / form).mkdir(exist_ok=True)
    (folder / form / f"{version}.toml").write_text(text, encoding="utf-8")
    return folder


def question(**told: str) -> str:
    """A question of a file, with something else than usual; "" leaves a key out."""
    usual = {"id": '"papers"', "section": '"S"', "type": '"choice"', "title": '"Papers"', "ask": '"Who?"',
             "choices": '[ { code = "own", title = "Own" } ]'}  # fmt: skip
    return "[[question]]\n" + "".join(f"{key} = {value}\n" for key, value in {**usual, **told}.items() if value)


FAULTY = {
    "no TOML": (HEAD + "question = [", "is not TOML"),
    "without a title": (HEAD.replace('title = "Toy"\n', "") + NAME, "title: is missing"),
    "without questions": (HEAD, "question: is missing"),
    "of an unknown kind": (HEAD.replace('"site"', '"boat"') + NAME, "kind: is 'boat'"),
    "with a key that means nothing": ("colour = 1\n" + HEAD + NAME, "has colour"),
    "under another name": (HEAD.replace('"toy"', '"other"') + NAME, "they say other 2026.1"),
    "with a question without ask": (HEAD + question(ask=""), "papers: has no ask"),
    "with a question of no known type": (HEAD + question(type='"guess"'), "papers: is of type 'guess'"),
    "with a question whose id is no id": (HEAD + question(id='"Who holds?"'), "is not an id"),
    "with an unknown key in a question": (HEAD + question(weight="3"), "papers: has weight"),
    "with a choice that offers nothing": (HEAD + question(choices=""), "with 0 choices"),
    "with choices for a text": (HEAD + question(type='"text"'), "is of type text, with 1 choices"),
    "with a choice without title": (HEAD + question(choices='[ { code = "own" } ]'), "without code or title"),
    "with a reserved choice": (HEAD + question(choices='[ { code = "declined", title = "No" } ]'), "reserved code"),
    "with a spelling that is reserved": (
        HEAD + question(choices='[ { code = "no", title = "Not applicable" } ]'),
        "everywhere",
    ),
    "with a spelling for two choices": (
        HEAD
        + question(
            choices='[ { code = "a", title = "A", spellings = ["x"] }, { code = "b", title = "B", spellings = ["X."] } ]'
        ),
        "'X.' means a and b",
    ),
    "with a choice of many that could not be told from two": (
        HEAD + question(type='"many"', choices='[ { code = "a", title = "Debt; threats" } ]'),
        "with ; or | in its title",
    ),
    "with an id twice": (HEAD + NAME + NAME.replace('"Name"', '"Other"'), "is the id of two questions"),
    "with a title twice": (HEAD + NAME + NAME.replace('"name"', '"other"'), "is the title of two questions"),
    "with a header for two questions": (
        HEAD + NAME + question(synonyms='["NAME "]'),
        "papers: the header 'NAME ' names name too",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_file_is_refused_by_name(tmp_path, fault):
    text, told = FAULTY[fault]
    with pytest.raises(BadFile, match=re.escape(told)) as caught:
        load("toy", None, written(tmp_path, text))
    assert caught.value.file == "forms/toy/2026.1.toml"
    assert caught.value.cure in str(caught.value)


@pytest.mark.parametrize("form", ["nowhere", "../forms", "", ".."])
def test_a_form_that_is_not_there_is_refused_with_those_that_are(form):
    with pytest.raises(BadFile, match="The forms are agency, site, site_fishing"):
        load(form, None, FORMS)


def test_the_newest_version_is_loaded_unless_told(tmp_path):
    for version in ("2026.2", "2026.10"):
        written(tmp_path, (HEAD + NAME).replace("2026.1", version), version=version)
    assert versions("toy", tmp_path) == ("2026.2", "2026.10")
    assert load("toy", None, tmp_path).version == "2026.10"
    assert load("toy", "2026.2", tmp_path).version == "2026.2"
    with pytest.raises(BadFile, match="The versions are 2026.2, 2026.10"):
        load("toy", "2025.1", tmp_path)


def test_a_pack_asks_the_core_first():
    pack = load("site_fishing", None, FORMS)
    core = load("site", None, FORMS)
    assert pack.questions[: len(core.questions)] == core.questions
    assert {"flag", "months_at_sea"} <= pack.by_id.keys() - core.by_id.keys()


def test_a_sheet_of_sites_is_read_with_the_core_and_all_packs():
    assert {"name", "flag"} <= load_reading_form("site", FORMS).by_id.keys()
    assert load_reading_form("agency", FORMS).by_id.keys() == load("agency", None, FORMS).by_id.keys()


def test_a_pack_may_not_ask_a_question_of_the_core_otherwise(tmp_path):
    core = written(tmp_path, HEAD.replace("toy", "site") + NAME, "site")
    pack = HEAD + 'includes = "site"\n' + NAME.replace("Name?", "Which name?")
    with pytest.raises(BadFile, match="name: forms/site/2026.1.toml asks it otherwise"):
        load("toy", None, written(core, pack))


def test_an_id_is_a_better_header_than_a_title_and_a_title_than_a_synonym():
    ranks = [SITE.headers[header] for header in ("name", "sitename", "factoryname")]
    assert ranks == [(0, "name"), (1, "name"), (2, "name")]


def test_a_body_is_read_by_the_fields_that_read_sheets():
    body = {"name": "  Alpha  Works ", "country": "Viet Nam", "sector": ["0311"], "workers_total": 12, "migrant_pct": "45%",
            "contracts": True, "papers": "own", "harms": ["loans"], "visited": "2026-02-01", "months_at_sea": None}  # fmt: skip
    assert schema(SITE).load(body) == {
        "name": "Alpha Works", "country": "VN", "sector": ("0311",), "workers_total": 12.0, "migrant_pct": 45.0,
        "contracts": "yes", "papers": "worker", "harms": ("debt",), "visited": "2026-02-01", "months_at_sea": None,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "question", "code"),
    [
        ({"country": "Narnia"}, "country", "country.unknown"),
        ({"workers_total": True}, "workers_total", "field.type"),
        ({"workers_total": 10**400}, "workers_total", "number.range"),
        ({"workers_total": float("inf")}, "workers_total", "number.range"),
        ({"workers_total": {"$ne": None}}, "workers_total", "field.type"),
        ({"name": "S\x00X"}, "name", "text.forbidden_character"),
        ({"name": "S\ud800"}, "name", "text.forbidden_character"),
        ({"visited": "2026-09-02"}, "visited", "date.future"),
        ({"harms": ["debt", 3]}, "harms", "field.type"),
        ({"papers": "lost"}, "papers", "answer.unknown"),
    ],
)
def test_a_body_with_a_faulty_answer_is_refused_by_question_and_code(body, question, code):
    with pytest.raises(ValidationError) as caught:
        schema(SITE, on="2026-09-01").load({"name": "A", **body})
    assert caught.value.messages[question]["code"] == code
    assert caught.value.messages[question]["cure"]


@pytest.mark.parametrize("key", ["score", "__class__", "", "contact_email"])
def test_a_body_with_anything_we_do_not_ask_is_refused(key):
    with pytest.raises(ValidationError) as caught:
        schema(SITE).load({"name": "A", key: "x"})
    assert caught.value.messages == {key: ["field.unknown"]}


def test_every_form_that_ships_loads_and_every_kind_can_be_read():
    for form in form_ids():
        assert load(form).questions
    for kind in ("site", "agency"):
        assert "name" in load_reading_form(kind).by_id


def test_what_leads_to_facts_can_be_declined_in_so_many_words_and_the_place_of_work_is_then_unknown():
    site = load_reading_form("site").by_id
    said = {
        question: site[question].field().read("declined")
        for question in ("flag", "owner_country", "product", "country")
    }
    assert said == {"flag": "declined", "owner_country": "declined", "product": "declined", "country": None}
    assert site["product"].field().read("not applicable") is None
    assert load_reading_form("agency").by_id["placement_sectors"].field().read("refused to say") == "declined"
