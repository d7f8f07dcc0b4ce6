"""Files that prove something: their type is that of their content, and pictures lose what they say about who took them."""

import io
import zipfile

import pytest
from docx import Document
from PIL import Image
from test_questionnaires.test_file_checks import build_zip, package

from questionnaires.limits import FileRefused, Limits
from questionnaires.proof_files import read_proof

SECRET = b"Zephyrine"


def picture(kind: str, **more: object) -> bytes:
    """A picture of 40 by 30 pixels that says who took it."""
    made = io.BytesIO()
    details = Image.Exif()
    details[0x013B], details[0x0112] = SECRET.decode(), 6  # the artist, and that it is to be turned
    Image.new("RGB", (40, 30), (200, 10, 10)).save(made, kind, exif=details, **more)
    return made.getvalue()


def document(**parts: str) -> bytes:
    """A Word document, with more parts."""
    made = io.BytesIO()
    Document().save(made)
    with zipfile.ZipFile(made, "a") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return made.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_picture_is_kept_upright_and_without_what_it_said_about_itself(kind: str):
    sent = picture(kind)
    kept = read_proof(sent)
    assert SECRET in sent
    assert SECRET not in kept.data
    with Image.open(io.BytesIO(kept.data)) as shown:
        assert (kept.type.upper(), shown.size) == (kind, (30, 40))
        assert not shown.getexif()


@pytest.mark.parametrize(
    ("data", "type_", "personal_columns"),
    [
        (b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n%%EOF\n", "pdf", None),
        (document(), "docx", None),
        (build_zip(package()), "xlsx", 0),
        (b"Month,Repaid\nMay,300\n", "csv", 0),
        (b"Passport no.,Repaid\nA1234567,300\n", "csv", 1),
    ],
)
def test_a_file_is_kept_as_it_is_and_its_personal_columns_are_counted(
    data: bytes, type_: str, personal_columns: int | None
):
    assert read_proof(data) == (type_, data, personal_columns)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "file.empty"),
        (b"hello", "proof.type"),
        (b"<html><script>alert(1)</script>,</html>", "proof.type"),
        (b"GIF89a", "proof.type"),
        (b"MZ\x90\x00" + b"\0" * 60, "proof.type"),
        (build_zip({"a.txt": "a"}), "proof.type"),
        (b"%PDF-1.7\n<< /OpenAction << /JavaScript (x) >> >>\n%%EOF", "proof.active_content"),
        (b"%PDF-1.7\nno end", "file.corrupt"),
        (document(**{"word/vbaProject.bin": "x"}), "proof.active_content"),
        (build_zip(package() | {"xl/vbaProject.bin": "x"}), "proof.active_content"),
        (picture("PNG")[:60], "proof.picture"),
        (b"\xff\xd8\xff nothing", "proof.picture"),
    ],
)
def test_what_proves_nothing_or_could_run_is_refused(data: bytes, code: str):
    with pytest.raises(FileRefused) as refused:
        read_proof(data)
    assert refused.value.code == code


def test_a_file_above_the_limit_is_refused_before_it_is_looked_at():
    with pytest.raises(FileRefused, match="too large"):
        read_proof(b"x" * 11, Limits(bytes=10))
