"""Maps: every country is there, small ones are seen, and the date line is not a border."""

import math
import xml.etree.ElementTree as ET

import pytest

from reports import maps
from reports.document import Place

SVG = "{http://www.w3.org/2000/svg}"


def make_place(country, name, **given):
    usual = {"value": 60.0, "level": "high", "known": "practice", "results": 2}
    return Place(country, name, **(usual | given))


def drawn(*places, view=maps.ASIA_PACIFIC):
    return ET.fromstring(maps.draw_map("m", places, view).svg())


def titled(root, tag, start):
    return [part for part in root.iter(f"{SVG}{tag}") for t in part.findall(f"{SVG}title") if t.text.startswith(start)]


@pytest.mark.parametrize("view", [maps.WORLD, maps.ASIA_PACIFIC])
def test_a_country_takes_the_colour_of_its_worst_result(view):
    (country,) = titled(
        drawn(make_place("TH", "Thailand", value=82.0, level="critical"), view=view), "path", "Thailand"
    )
    assert country.get("fill") == maps.FILLS["critical"]
    assert country.find(f"{SVG}title").text == "Thailand: 82.0, Critical, 2 suppliers"


def test_a_country_known_from_facts_alone_is_hatched():
    (country,) = titled(drawn(make_place("VN", "Viet Nam", known="inherent")), "path", "Viet Nam")
    assert country.get("fill") == "url(#m-high)"


SMALL = {"SG": "Singapore", "MV": "Maldives", "HK": "Hong Kong", "BH": "Bahrain", "TV": "Tuvalu", "NR": "Nauru",
         "WS": "Samoa", "TO": "Tonga", "KI": "Kiribati", "PW": "Palau", "MO": "Macao", "TK": "Tokelau"}  # fmt: skip


@pytest.mark.parametrize("country", SMALL)
def test_a_small_state_is_a_dot_that_is_seen(country):
    root = drawn(make_place(country, SMALL[country]))
    (dot,) = titled(root, "circle", SMALL[country])
    width, height = float(root.get("width")), float(root.get("height"))
    assert 0 < float(dot.get("cx")) < width
    assert 0 < float(dot.get("cy")) < height


def test_asia_and_the_pacific_run_on_across_the_date_line():
    x = {}
    for country, name in (("TH", "Thailand"), ("FJ", "Fiji"), ("WS", "Samoa"), ("PF", "French Polynesia")):
        (label,) = [
            t for t in maps.draw_map("m", [make_place(country, name)], maps.ASIA_PACIFIC).texts() if t.text == country
        ]
        x[country] = label.x
    assert x["TH"] < x["FJ"] < x["WS"] < x["PF"]
    assert x["WS"] - x["FJ"] < 100


def test_the_date_line_is_not_drawn_through_a_country():
    shapes = maps._shapes_in_view(maps.ASIA_PACIFIC, maps.OUTLINES)
    fiji = shapes["FJ"]
    drawn_lines, all_lines = (path.count(",") - path.count("M") for path in (fiji.edge, fiji.filled))
    assert drawn_lines < all_lines
    assert shapes["TH"].edge == shapes["TH"].filled


def test_a_country_outside_the_view_is_named():
    assert "Not on this map: Norway" in maps.draw_map("m", [make_place("NO", "Norway")], maps.ASIA_PACIFIC).description


def test_every_outline_of_a_country_has_its_code_and_every_country_a_place():
    _, countries = maps._topology(maps.OUTLINES)
    unclaimed = {name for name in countries if name.startswith("(")}
    assert unclaimed == {"(Somaliland)", "(N. Cyprus)", "(Siachen Glacier)", "(Indian Ocean Ter.)"}
    assert {"NA", "XK", "TW", "HK", "PS", "EH"} <= countries.keys()


def test_areas_are_true_to_each_other():
    def area(west, south):
        corners = [maps._equal_earth(x, y) for x, y in
                   ((west, south), (west + 1, south), (west + 1, south + 1), (west, south + 1), (west, south))]  # fmt: skip
        return abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, corners[1:], strict=False))) / 2

    for south in (0, 20, 45, 60):
        true = math.sin(math.radians(south + 1)) - math.sin(math.radians(south))
        assert area(30, south) / area(0, 0) == pytest.approx(true / math.sin(math.radians(1)), rel=2e-3)


def test_missing_outlines_say_what_to_run(tmp_path):
    with pytest.raises(maps.OutlinesMissingError, match="scripts/setup"):
        maps.draw_map("m", [], maps.WORLD, tmp_path / "countries-50m.json")
