"""What is detected in notes: text that identifies a person, text that singles one out, and neither in ordinary notes.

The notes are in ``notes.toml``. A fifth of them were written after the patterns, to see what those had been fitted to.
"""

import tomllib
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from questionnaires.person_detection import detect_personal_data, singles_out_a_person
from questionnaires.text_normalize import load_look_alikes

NOTES = tomllib.loads(Path(__file__).with_name("notes.toml").read_text(encoding="utf-8"))
PLAIN = [note for note in NOTES["refused"] if note.isascii()]
LOOK_ALIKES = {
    latin: chr(letter) for letter, latin in load_look_alikes().items() if "\u0400" <= chr(letter) <= "\u04ff"
}
INVISIBLE = ["", "", "\u200b", "\u200d", "\u2060", "\u00ad", "\ufeff", "\u034f", "\ufe0f"]


def test_nearly_all_notes_that_identify_a_person_are_refused():
    missed = [note for note in NOTES["refused"] if not detect_personal_data(note)]
    assert len(missed) <= 0.05 * len(NOTES["refused"]), missed


def test_the_writer_is_warned_of_nearly_all_notes_that_single_out_a_person():
    missed = [note for note in NOTES["warned"] if not singles_out_a_person(note)]
    assert len(missed) <= 0.05 * len(NOTES["warned"]), missed
    assert [note for note in NOTES["warned"] if detect_personal_data(note)] == []


def test_hardly_any_ordinary_note_is_refused_or_warned_of():
    wrong = [note for note in NOTES["innocent"] if detect_personal_data(note) or singles_out_a_person(note)]
    assert len(wrong) <= 0.05 * len(NOTES["innocent"]), wrong


@given(st.sampled_from(PLAIN), st.data())
def test_invisible_characters_hide_nothing(note: str, data: st.DataObject):
    hidden = "".join(character + data.draw(st.sampled_from(INVISIBLE)) for character in note)
    assert detect_personal_data(hidden) == detect_personal_data(note)


@given(st.sampled_from([note for note in PLAIN if detect_personal_data(note) == "person.name"]), st.data())
def test_letters_that_look_like_others_hide_no_name(note: str, data: st.DataObject):
    letters = []
    for word in note.split(" "):
        chosen = [data.draw(st.sampled_from([letter, LOOK_ALIKES.get(letter, letter)])) for letter in word[1:]]
        letters.append("".join([word[0], *chosen]))
    assert detect_personal_data(" ".join(letters)) == "person.name"


def test_a_whole_number_in_cyrillic_letters_is_detected():
    assert detect_personal_data("\u0410\u0412 1234567") == "person.identity_number"


def test_a_name_beside_the_word_for_a_place_is_detected_and_the_name_of_a_place_is_not():
    assert detect_personal_data("told by Somchai on the pier") == "person.name"
    assert detect_personal_data("locked in at the Kumar factory") is None
    assert detect_personal_data("at Ram Bahadur Overseas Ltd") is None
