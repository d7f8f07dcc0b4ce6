"""Short text files in the encodings of old spreadsheets."""

import pytest

from questionnaires.encoding import decode_text
from questionnaires.limits import FileRefused

TEXTS = {
    "cp1251": ["Название;Страна\nООО Ткань;Россия", "завод", "name,country\nФабрика Восток,Kazakhstan"],
    "cp1256": ["اسم الشركة;الدولة\nشركة النسيج;السعودية", "name,country\nمصنع النور,Egypt"],
    "mac_roman": ["Nom;Pays\nUsine d’été;Côte d’Ivoire", "name;city\nMünchen Fabrik;Köln", "a,b\nCafé,x"],
    "cp1252": [
        "Nom;Pays\nUsine d’été;Côte d’Ivoire",
        "name;city\nMünchen Fabrik;Köln",
        "a,b\nCafé,x",
        "Nom;Ville\nHélène;Genève",
        "Nome;Cidade\nJoão;São Paulo",
        "Nombre;Ciudad\nMuñoz;Logroño",
        "a;b\nSøm;København",
    ],
    "cp1250": [
        "Firma;Miasto\nZakład Odzieżowy;Kraków\nPrzędzalnia;Gdańsk",
        "Název;Země\nTovárna Plzeň;Česko",
        "Név;Ország\nSzövőgyár;Győr",
        "Nume;Oraş\nConfecţii;Bacău",
        "name,city\nTvornica,Koprivnički",
    ],
    "cp874": ["ชื่อ,ประเทศ\nโรงงานผ้า,ไทย"],
    "big5": ["名稱,國家\n台北紡織廠,台灣"],
    "gb18030": ["名称,国家\n上海纺织厂,中国"],
    "cp932": ["会社名,国\nヤマト水産,日本"],
    "utf-16-le": ["name,country\nAlder Nets,Thailand", "名称,国家\n第一纺织厂,中国"],
    "utf-16-be": ["ชื่อ,ประเทศ\nโรงงานผ้า,ไทย"],
}


@pytest.mark.parametrize(("encoding", "text"), [(encoding, text) for encoding in TEXTS for text in TEXTS[encoding]])
def test_a_short_text_is_read_in_its_own_encoding(encoding, text):
    assert decode_text(text.encode(encoding))[0] == text


@pytest.mark.parametrize("word", ["Kõrgõzstan", "Cantù"])
def test_words_that_western_and_central_european_languages_could_write_are_asked_about(word):
    data = f"name\n{word}".encode("cp1252")
    with pytest.raises(FileRefused, match=r"Western European \(Windows-1252\) or Central European \(Windows-1250\)"):
        decode_text(data)
    text = data.decode("cp1252")
    assert decode_text(data, "") == (text, "cp1252", ("cp1252", "cp1250"))


def test_one_of_the_likely_encodings_is_used_if_it_is_chosen_and_no_other():
    data = "name\nCantù".encode("cp1252")
    assert decode_text(data, "cp1250")[:2] == ("name\nCantů", "cp1250")
    assert decode_text(data, "cp1251").text == decode_text(data, "mac-roman").text == "name\nCantù"
    assert decode_text("name\nKraków, Łódź".encode("cp1250"), "cp1252")[1:] == ("cp1250", ())
    with pytest.raises(FileRefused):
        decode_text(b"a,b\n\xc3\x28,\xf0\x28\x8c\xbc,\xed\xa0\x80\n", "cp1252")
