"""Forms as files: which load, which are refused and with what message, and the schema built from them."""

import re
from pathlib import Path

import pytest
from marshmallow import ValidationError

from questionnaires.form import build_answers_schema, list_form_ids, list_versions, load_combined_form, load_form
from questionnaires.lookups import DataFileError
from tests.test_questionnaires.tables import FORMS, SITE

HEAD = 'id = "toy"\nversion = "2026.1"\ntitle = "Toy"\nkind = "site"\n'
NAME = '[[question]]\nid = "name"\nsection = "Who"\ntype = "text"\ntitle = "Name"\nask = "Name?"\n'


def write_form(folder: Path, text: str, form: str = "toy", version: str = "2026.1") -> Path:
    """Write a form and return the folder of forms."""
    (folder / form).mkdir(exist_ok=True)
    (folder / form / f"{version}.toml").write_text(text, encoding="utf-8")
    return folder


def build_question(**values: str) -> str:
    """Return a question of a file, with some values changed; "" leaves a key out."""
    defaults = {"id": '"papers"', "section": '"S"', "type": '"choice"', "title": '"Papers"', "ask": '"Who?"',
             "choices": '[ { code = "own", title = "Own" } ]'}  # fmt: skip
    return "[[question]]\n" + "".join(f"{key} = {value}\n" for key, value in {**defaults, **values}.items() if value)


FAULTY = {
    "no TOML": (HEAD + "question = [", "is not valid TOML"),
    "without a title": (HEAD.replace('title = "Toy"\n', "") + NAME, "title: is missing"),
    "without questions": (HEAD, "question: is missing"),
    "of an unknown kind": (HEAD.replace('"site"', '"boat"') + NAME, "kind: is 'boat'"),
    "with a key that means nothing": ("colour = 1\n" + HEAD + NAME, "has unknown keys: colour"),
    "under another name": (HEAD.replace('"toy"', '"other"') + NAME, "are other 2026.1"),
    "with a question without ask": (HEAD + build_question(ask=""), "papers: has no ask"),
    "with a question of no known type": (HEAD + build_question(type='"guess"'), "papers: is of type 'guess'"),
    "with a question whose id is no id": (HEAD + build_question(id='"Who holds?"'), "is not a valid id"),
    "with an unknown key in a question": (HEAD + build_question(weight="3"), "papers: has unknown keys: weight"),
    "with a choice that offers nothing": (HEAD + build_question(choices=""), "and has 0 choices"),
    "with choices for a text": (HEAD + build_question(type='"text"'), "is of type text and has 1 choices"),
    "with a choice without title": (HEAD + build_question(choices='[ { code = "own" } ]'), "without a code or title"),
    "with a reserved choice": (
        HEAD + build_question(choices='[ { code = "declined", title = "No" } ]'),
        "reserved code",
    ),
    "with a spelling that is reserved": (
        HEAD + build_question(choices='[ { code = "no", title = "Not applicable" } ]'),
        "in every question",
    ),
    "with a spelling for two choices": (
        HEAD
        + build_question(
            choices='[ { code = "a", title = "A", spellings = ["x"] }, { code = "b", title = "B", spellings = ["X."] } ]'
        ),
        "'X.' means both a and b",
    ),
    "with a choice of many that could not be told from two": (
        HEAD + build_question(type='"many"', choices='[ { code = "a", title = "Debt; threats" } ]'),
        "with ; or | in its title",
    ),
    "with an id twice": (HEAD + NAME + NAME.replace('"Name"', '"Other"'), "is the id of two questions"),
    "with a title twice": (HEAD + NAME + NAME.replace('"name"', '"other"'), "is the title of two questions"),
    "with a header for two questions": (
        HEAD + NAME + build_question(synonyms='["NAME "]'),
        "papers: the header 'NAME ' also names name",
    ),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_an_invalid_file_is_refused_by_name(tmp_path, fault):
    text, message = FAULTY[fault]
    with pytest.raises(DataFileError, match=re.escape(message)) as caught:
        load_form("toy", None, write_form(tmp_path, text))
    assert caught.value.file == "forms/toy/2026.1.toml"
    assert caught.value.cure in str(caught.value)


@pytest.mark.parametrize("form", ["nowhere", "../forms", "", ".."])
def test_an_unknown_form_is_refused_with_a_list_of_the_forms(form):
    with pytest.raises(DataFileError, match="The forms are agency, site, site_fishing"):
        load_form(form, None, FORMS)


def test_the_newest_version_is_loaded_by_default(tmp_path):
    for version in ("2026.2", "2026.10"):
        write_form(tmp_path, (HEAD + NAME).replace("2026.1", version), version=version)
    assert list_versions("toy", tmp_path) == ("2026.2", "2026.10")
    assert load_form("toy", None, tmp_path).version == "2026.10"
    assert load_form("toy", "2026.2", tmp_path).version == "2026.2"
    with pytest.raises(DataFileError, match="The versions are 2026.2, 2026.10"):
        load_form("toy", "2025.1", tmp_path)


def test_a_pack_begins_with_the_questions_of_the_core():
    pack = load_form("site_fishing", None, FORMS)
    core = load_form("site", None, FORMS)
    assert pack.questions[: len(core.questions)] == core.questions
    assert {"flag", "months_at_sea"} <= pack.by_id.keys() - core.by_id.keys()


def test_the_combined_form_has_the_core_and_all_packs():
    assert {"name", "flag"} <= load_combined_form("site", FORMS).by_id.keys()
    assert load_combined_form("agency", FORMS).by_id.keys() == load_form("agency", None, FORMS).by_id.keys()


def test_a_pack_may_not_redefine_a_question_of_the_core(tmp_path):
    core = write_form(tmp_path, HEAD.replace("toy", "site") + NAME, "site")
    pack = HEAD + 'includes = "site"\n' + NAME.replace("Name?", "Which name?")
    with pytest.raises(DataFileError, match="name: forms/site/2026.1.toml asks this question differently"):
        load_form("toy", None, write_form(core, pack))


def test_headers_rank_ids_before_titles_and_titles_before_synonyms():
    ranks = [SITE.headers[header] for header in ("name", "sitename", "factoryname")]
    assert ranks == [(0, "name"), (1, "name"), (2, "name")]


def test_a_json_body_is_parsed_by_the_fields_that_parse_sheets():
    body = {"name": "  Alpha  Works ", "country": "Viet Nam", "sector": ["0311"], "workers_total": 12, "migrant_pct": "45%",
            "contracts": True, "papers": "own", "harms": ["loans"], "visited": "2026-02-01", "months_at_sea": None}  # fmt: skip
    assert build_answers_schema(SITE).load(body) == {
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
def test_a_json_body_with_an_invalid_answer_is_refused_by_question_and_code(body, question, code):
    with pytest.raises(ValidationError) as caught:
        build_answers_schema(SITE, as_of="2026-09-01").load({"name": "A", **body})
    assert caught.value.messages[question]["code"] == code
    assert caught.value.messages[question]["cure"]


@pytest.mark.parametrize("key", ["score", "__class__", "", "contact_email"])
def test_a_json_body_with_an_unknown_question_is_refused(key):
    with pytest.raises(ValidationError) as caught:
        build_answers_schema(SITE).load({"name": "A", key: "x"})
    assert caught.value.messages == {key: ["field.unknown"]}


def test_every_released_form_loads_and_every_kind_has_a_combined_form():
    for form in list_form_ids():
        assert load_form(form).questions
    for kind in ("site", "agency"):
        assert "name" in load_combined_form(kind).by_id


def test_questions_that_lead_to_facts_can_be_declined_and_the_country_of_work_cannot():
    site = load_combined_form("site").by_id
    answers = {
        question: site[question].build_field().parse("declined")
        for question in ("flag", "owner_country", "product", "country")
    }
    assert answers == {"flag": "declined", "owner_country": "declined", "product": "declined", "country": None}
    assert site["product"].build_field().parse("not applicable") is None
    assert load_combined_form("agency").by_id["placement_sectors"].build_field().parse("refused to say") == "declined"
