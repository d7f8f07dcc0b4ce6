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
    with pytest.raises(FileRefused, match="could be cp1252 or cp1250"):
        decode_text(f"name\n{word}".encode("cp1252"))
