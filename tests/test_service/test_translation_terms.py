"""Test that each language has one word for each kind of recruiter, in questions, findings and steps."""

import re

import pytest

from service.translations.catalog import list_texts, load_shipped_texts

# English term: the word for it in each language into which all questions and steps are translated.
TERMS = {
    r"labour suppliers?": {
        "th": "ผู้จัดหาแรงงาน",
        "id": "penyedia tenaga kerja",
        "vi": "bên cung ứng lao động",
        "zh-Hans": "劳务供应商",
    },
    r"sub-agents?": {"th": "นายหน้าช่วง", "id": "subagen", "vi": "môi giới phụ", "zh-Hans": "次级中介"},
    r"brokers?": {"th": "นายหน้า", "id": "calo", "vi": "môi giới", "zh-Hans": "经纪人"},
    r"gang leaders?": {"th": "หัวหน้าคนงาน", "id": "mandor", "vi": "cai thầu", "zh-Hans": "工头"},
    r"labour-only subcontractors?": {
        "th": "ผู้รับเหมาช่วงเฉพาะค่าแรง",
        "id": "subkontraktor yang hanya menyediakan tenaga kerja",
        "vi": "thầu phụ chỉ cung cấp nhân công",
        "zh-Hans": "纯劳务分包商",
    },
    r"grievance channels?": {
        "th": "ช่องทางร้องทุกข์",
        "id": "saluran pengaduan",
        "vi": "kênh khiếu nại",
        "zh-Hans": "申诉渠道",
    },
}


@pytest.mark.parametrize("term", TERMS)
def test_a_term_has_one_word_in_each_language(term: str) -> None:
    texts = [text.english for text in list_texts() if re.search(rf"\b{term}\b", text.english, re.IGNORECASE)]
    assert texts
    for code, word in TERMS[term].items():
        language = load_shipped_texts(code)
        for kind in ("forms", "plans"):
            for english in texts:
                wording = language.wordings.get((kind, english))
                assert wording is None or word in wording.forms[0].lower(), f"{code}: {english}"
