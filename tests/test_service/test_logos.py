"""The logo of an organisation: what may be uploaded, where it is shown, and that it goes with the organisation."""

import io
import zipfile
from io import BytesIO

import docx
import pypdf
import pytest
from callers import make_browser, make_organisation, make_user, send
from flask import Flask
from openpyxl import load_workbook
from PIL import Image, ImageDraw
from portal import Portal, make_portal
from sqlalchemy import select
from test_supplier_copy import CANNERY, save_supplier

from service.db.account_tables import StoredLogo
from service.db.session import Database
from service.erasure.files import list_used_files
from service.erasure.organisation import erase_organisation
from service.errors import DomainError
from service.reporting.logos import SIZE, prepare_logo


def draw_logo(width: int = 600, height: int = 200, kind: str = "PNG", **more: object) -> bytes:
    """A dark bar on a light ground."""
    picture = Image.new("RGB", (width, height), "#e8f1f4")
    ImageDraw.Draw(picture).rectangle((width // 10, height // 4, width - width // 10, height - height // 4), "#1f4e66")
    drawn = io.BytesIO()
    picture.save(drawn, kind, **more)
    return drawn.getvalue()


@pytest.fixture
def harbour(database: Database) -> str:
    return make_organisation(database)


@pytest.fixture
def portal(app: Flask, harbour: str) -> Portal:
    return make_portal(app, harbour)


def upload(portal: Portal, data: bytes, name: str = "logo.png"):
    return portal.call("POST", "/organisation/logo", data={"file": (BytesIO(data), name)})


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_logo_is_drawn_anew_without_what_else_its_file_said(kind: str):
    exif = Image.Exif()
    exif[0x010E] = "taken at the house of Ana"
    png, width, height = prepare_logo(draw_logo(kind=kind, exif=exif) + b"<script>alert(1)</script>")
    assert (width, height) == (600, 200)
    assert b"Ana" not in png
    assert b"script" not in png
    with Image.open(io.BytesIO(png)) as picture:
        assert (picture.format, picture.size, dict(picture.getexif())) == ("PNG", (600, 200), {})


@pytest.mark.parametrize(("width", "height", "made"), [(6000, 1000, (1200, 200)), (1000, 2000, (200, 400))])
def test_a_large_logo_is_made_smaller_and_never_stretched(width: int, height: int, made: tuple[int, int]):
    _png, *size = prepare_logo(draw_logo(width, height))
    assert tuple(size) == made
    assert all(each <= most for each, most in zip(made, SIZE, strict=True))


@pytest.mark.parametrize(
    ("data", "code", "status"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "logo.type", 422),
        (b"", "logo.type", 422),
        (b"GIF89a" + b"\0" * 40, "logo.type", 422),
        (b"a,b\n1,2\n", "logo.type", 422),
        (draw_logo()[:200], "logo.damaged", 422),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 2_000_001, "logo.too_large", 413),
    ],
    ids=["svg", "empty", "gif", "csv", "cut", "large"],
)
def test_anything_but_a_small_picture_is_refused(data: bytes, code: str, status: int):
    with pytest.raises(DomainError) as refused:
        prepare_logo(data)
    assert (refused.value.code, refused.value.status) == (code, status)


def test_a_picture_with_too_many_pixels_is_refused_although_its_file_is_small():
    with pytest.raises(DomainError) as refused:
        prepare_logo(draw_logo(5000, 4000))
    assert refused.value.code == "logo.damaged"


def test_an_admin_uploads_replaces_and_removes_a_logo_through_the_api(portal: Portal):
    assert portal.get("/organisation/logo").json["code"] == "logo.none"
    assert upload(portal, draw_logo()).json["width"] == 600
    replaced = upload(portal, draw_logo(300, 300))
    assert (replaced.status_code, replaced.json["width"]) == (201, 300)
    shown = portal.get("/organisation/logo")
    assert shown.content_type == "image/png"
    with Image.open(BytesIO(shown.data)) as picture:
        assert picture.size == (300, 300)
    assert upload(portal, b"<svg/>", "logo.svg").json["code"] == "logo.type"
    assert portal.call("DELETE", "/organisation/logo").status_code == 204
    assert portal.get("/organisation/logo").status_code == 409
    assert portal.call("DELETE", "/organisation/logo").json["code"] == "logo.none"


def test_an_admin_uploads_a_logo_on_the_page_of_the_organisation(app: Flask, database: Database, harbour: str):
    admin = make_browser(app, make_user(database, harbour, "admin"))
    refused = send(admin, "/organisation/logo", file=(BytesIO(b"<svg/>"), "logo.svg"))
    assert refused.status_code == 422
    assert "Upload the logo as a PNG or JPEG file." in refused.get_data(as_text=True)
    assert send(admin, "/organisation/logo", file=(BytesIO(draw_logo()), "logo.png")).status_code == 303
    assert 'alt="Logo of Harbour Foods"' in admin.get("/organisation").get_data(as_text=True)
    assert admin.get("/organisation/logo").content_type == "image/png"
    assert send(admin, "/organisation/logo/remove").status_code == 303
    assert "Logo of" not in admin.get("/organisation").get_data(as_text=True)
    officer = make_browser(app, make_user(database, harbour, "officer"))
    assert send(officer, "/organisation/logo", file=(BytesIO(draw_logo()), "logo.png")).status_code == 403


def make_report(portal: Portal, document: str, format_: str, **more: object) -> bytes:
    made = portal.post("/reports", {"document": document, "format": format_, **more})
    portal.work()
    return portal.get(f"/reports/{made.json['id']}/file").data


def has_picture(data: bytes, format_: str) -> bool:
    """Whether a report shows the logo, with its alternative text."""
    if format_ == "html":
        return b'alt="Logo of Harbour Foods"' in data and b"data:image/png;base64," in data
    if format_ == "pdf":
        return any(page.images for page in pypdf.PdfReader(BytesIO(data)).pages)
    if format_ == "docx":
        return any(
            shape._inline.docPr.get("descr") == "Logo of Harbour Foods"
            for shape in docx.Document(BytesIO(data)).inline_shapes
        )
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return b"Logo of Harbour Foods" in archive.read("xl/drawings/drawing1.xml")


@pytest.mark.parametrize(
    ("document", "format_"),
    [
        *(("brief", each) for each in ("html", "pdf", "docx")),
        *(("report", each) for each in ("html", "pdf", "xlsx")),
        ("scorecard", "html"),
    ],
)
def test_every_report_shows_the_logo_of_the_organisation(
    portal: Portal, database: Database, harbour: str, document: str, format_: str
):
    supplier = save_supplier(database, harbour, "site", CANNERY)
    of_one = {"supplier_id": supplier} if document == "scorecard" else {}
    assert not has_picture(make_report(portal, "brief", "html"), "html")
    upload(portal, draw_logo())
    assert has_picture(make_report(portal, document, format_, **of_one), format_)


def test_the_archive_of_scorecards_shows_it_too(portal: Portal, database: Database, harbour: str):
    save_supplier(database, harbour, "site", CANNERY)
    upload(portal, draw_logo())
    with zipfile.ZipFile(BytesIO(make_report(portal, "scorecard", "html"))) as archive:
        assert all(has_picture(archive.read(name), "html") for name in archive.namelist())


def test_a_report_on_one_supplier_names_the_organisation_that_made_it(portal: Portal, database: Database, harbour: str):
    supplier = save_supplier(database, harbour, "site", CANNERY)
    page = make_report(portal, "report", "html", supplier_id=supplier).decode()
    assert "Harbour Foods · Forced labour and recruitment due diligence" in page


def test_the_action_plan_workbook_shows_the_logo_beside_the_instructions(portal: Portal):
    upload(portal, draw_logo())
    data = portal.get("/plan-workbook").data
    assert has_picture(data, "xlsx")
    book = load_workbook(BytesIO(data))
    assert [sheet.title for sheet in book if sheet._images] == ["How to fill it in"]


def test_the_file_of_a_logo_is_kept_while_it_is_used_and_goes_with_the_organisation(
    portal: Portal, database: Database, harbour: str
):
    upload(portal, draw_logo())
    blobs = portal.app.extensions["blob_store"]
    with database.unscoped(write=False) as session:
        digest = session.scalars(select(StoredLogo.sha256)).one()
        assert digest in list_used_files(session)
    assert digest in blobs.list_digests()
    erase_organisation(database, blobs, harbour, "system:test")
    assert digest not in blobs.list_digests()
