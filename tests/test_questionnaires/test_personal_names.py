"""Names of files and sheets that contain personal data are replaced."""

import pytest

from questionnaires.validation.personal_names import names_a_person, redact_file_names


@pytest.mark.parametrize(
    "name",
    [
        "Maria Santos passport",
        "maria_santos_passport",
        "Nguyen Van An",
        "Passport A1234567",
        "+66812345678",
        "list for Maria",
    ],
)
def test_a_name_of_a_person_is_found_however_it_is_joined(name: str):
    assert names_a_person(name)


@pytest.mark.parametrize(
    "name",
    [
        "Sheet1",
        "suppliers March",
        "Harbour Foods list",
        "seafood_and_construction_buyer",
        "Copy of Suppliers_final_v2",
        "20261128_153000",
        "Supplier list Santos Seafood 2026",
        "",
    ],
)
def test_an_ordinary_name_is_left_alone(name: str):
    assert not names_a_person(name)


def test_a_replaced_file_keeps_its_ending_and_says_which_of_the_files_it_is():
    names = ["sites.csv", "Maria Santos.xlsx", "Maria Santos"]
    assert redact_file_names(names) == ["sites.csv", "file 2.xlsx", "file 3"]
