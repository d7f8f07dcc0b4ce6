"""Draw maps of the world and of Asia and the Pacific, with each country in the colour of its worst result.

The outlines are from Natural Earth (public domain), at 1:50 million, in the npm package `world-atlas`, which set-up downloads.
The projection is Equal Earth (Savric, Patterson and Jenny, 2018), which shows areas in true proportion. Countries too small to
see are drawn as dots. outlines.csv lists which outline belongs to which country, and a location for the few countries without an
outline.
"""

import csv
import functools
import itertools
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from reports.charts import (
    FILLS,
    INK,
    Drawing,
    Text,
    describe,
    escape_xml,
    format_coordinate,
    hatch_fill,
    hatch_patterns,
    legend,
    rect,
)
from reports.document import LEVELS, Place

OUTLINES = Path(__file__).parent / "world-atlas" / "countries-50m.json"
BORDERS = (
    "Outlines: Natural Earth, 1:50 million. Borders and names are those of the publisher; some are disputed (including "
    "Kashmir, Kosovo, Palestine, Taiwan and Western Sahara). Showing them does not imply a position on any claim. Small states "
    "are shown as dots."
)
_NO_RESULT, _COAST, _SEA = "#e4e7e8", "#bcc3c7", "#f4f8fa"
_DOT_BELOW = 9  # a country that would be drawn smaller than this is marked with a dot

Point = tuple[float, float]
Line = list[Point]


class View(NamedTuple):
    """The part of the world that a map shows: its central meridian, its edges in degrees, and its width in units."""

    title: str
    middle: float
    west: float
    east: float
    south: float
    north: float
    width: float


WORLD = View("World", middle=11, west=-169, east=191, south=-56, north=83, width=860)
ASIA_PACIFIC = View("Asia and the Pacific", middle=130, west=44, east=214, south=-48, north=54, width=860)


class OutlinesMissingError(FileNotFoundError):
    """The country outlines have not been downloaded."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"Country outlines not found at {path}. Run scripts/setup, which downloads them.")


class _Shape(NamedTuple):
    """A country on the map: its filled path, the path of its border, and the location of its largest part."""

    filled: str
    edge: str
    centre: Point
    extent: float


def draw_map(
    chart: str,
    places: Sequence[Place],
    view: View,
    outlines: Path = OUTLINES,
    link: Callable[[Place], str] | None = None,
) -> Drawing:
    """Return a map of `view` with the given places, each linked to the address that `link` returns for it.

    Raises OutlinesMissingError if the file `outlines` does not exist.
    """
    shapes = _shapes_in_view(view, outlines)
    left, top, right, bottom = _bounds(view)
    known = {place.country: place for place in places}
    window = f'<rect width="{format_coordinate(right - left)}" height="{format_coordinate(bottom - top)}"/>'
    parts: list[str | Text] = [
        hatch_patterns(chart),
        rect(0, 0, right - left, bottom - top, _SEA),
        f'<clipPath id="{chart}-window">{window}</clipPath><g clip-path="url(#{chart}-window)">',
    ]
    for country, shape in shapes.items():
        place = known.get(country)
        country_part = _draw_country(shape, "" if place is None else _fill(chart, place), _describe_place(place))
        linked = place is not None and shape.extent >= _DOT_BELOW  # a smaller country is linked through its dot
        parts.append(_add_link(country_part, place, link) if linked else country_part)
    markers = [(place, at) for place in known.values() if (at := _marker_position(place, shapes, view)) is not None]
    markers.sort(key=lambda pair: (LEVELS.index(pair[0].level), -pair[0].value, pair[0].country))
    labels: list[Point] = []
    for place, (x, y) in markers:
        extent = shapes[place.country].extent if place.country in shapes else 0.0
        dot = extent < _DOT_BELOW
        if dot:
            circle = (
                f'<circle cx="{format_coordinate(x)}" cy="{format_coordinate(y)}" r="5" fill="{_fill(chart, place)}" '
                f'stroke="{INK}" stroke-width="0.8"><title>{escape_xml(_describe_place(place))}</title></circle>'
            )
            parts.append(_add_link(circle, place, link))
        offset = 0 if not dot else 15 if x < right - left - 26 else -15
        hidden = not dot and extent < 24  # a country code would cover the country itself
        if not hidden and all(abs(x + offset - a) > 15 or abs(y - b) > 11 for a, b in labels):
            labels.append((x + offset, y))
            parts.append(Text(x + offset, y + 3.5, place.country, size=10, anchor="middle", bold=True, halo=True))
    parts.append("</g>")
    height = bottom - top + 30
    parts += legend(chart, 4, height - 8)
    outside = sorted(place.country_name for place in known.values() if _marker_position(place, shapes, view) is None)
    described = [_describe_place(place) for place in known.values()]
    described += [f"Not on this map: {', '.join(outside)}"] if outside else []
    return Drawing(
        chart,
        right - left,
        height,
        f"{view.title}: worst result by country",
        "; ".join(described),
        tuple(parts),
        "group" if link else "img",
    )


def _add_link(part: str, place: Place | None, link: Callable[[Place], str] | None) -> str:
    if place is None or link is None:
        return part
    return f'<a href="{escape_xml(link(place))}" aria-label="{escape_xml(_describe_place(place))}">{part}</a>'


def _draw_country(shape: _Shape, fill: str, description: str) -> str:
    name = f"<title>{escape_xml(description)}</title>" if description else ""
    inside, coast = (fill, INK) if fill else (_NO_RESULT, _COAST)
    if shape.edge == shape.filled:
        return f'<path d="{shape.filled}" fill="{inside}" stroke="{coast}" stroke-width="0.6">{name}</path>'
    return (
        f'<path d="{shape.filled}" fill="{inside}" stroke="{inside}" stroke-width="0.6">{name}</path>'
        f'<path d="{shape.edge}" fill="none" stroke="{coast}" stroke-width="0.6"/>'
    )


def _fill(chart: str, place: Place) -> str:
    return hatch_fill(chart, place.level) if place.known == "inherent" else FILLS[place.level]


def _describe_place(place: Place | None) -> str:
    if place is None:
        return ""
    return f"{place.country_name}: {describe(place)}"


def _marker_position(place: Place, shapes: dict[str, _Shape], view: View) -> Point | None:
    """Return the position of the country's marker, or None if it is outside the view."""
    left, top, right, bottom = _bounds(view)
    if place.country in shapes:
        x, y = shapes[place.country].centre
    elif place.country in _country_codes()[1]:
        a, b = _project(_country_codes()[1][place.country], view)
        x, y = a - left, b - top
    else:
        return None
    return (x, y) if 0 <= x <= right - left and 0 <= y <= bottom - top else None


@functools.cache
def _country_codes() -> tuple[dict[str, str], dict[str, Point]]:
    """Return the country of each outline number, and the position in degrees of each country without an outline."""
    with (Path(__file__).parent / "outlines.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    seats = {r["country"]: (float(r["longitude"]), float(r["latitude"])) for r in rows if r["longitude"]}
    return {row["outline"]: row["country"] for row in rows if row["outline"]}, seats


@functools.cache
def _topology(outlines: Path) -> tuple[list[Line], dict[str, list[list[int]]]]:
    """Return the arcs in degrees, and the rings of each country; a ring is a list of arc numbers (~n means arc n backwards).

    An outline that is not a country in ISO 3166 is listed under its name in brackets. Antarctica is omitted.
    """
    if not outlines.is_file():
        raise OutlinesMissingError(outlines)
    topology = json.loads(outlines.read_bytes())
    (scale_x, scale_y), (origin_x, origin_y) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs: list[Line] = []
    for steps in topology["arcs"]:
        x = y = 0
        arc = []
        for step_x, step_y in steps:
            x, y = x + step_x, y + step_y
            arc.append((x * scale_x + origin_x, y * scale_y + origin_y))
        arcs.append(arc)
    countries: dict[str, list[list[int]]] = {}
    for geometry in topology["objects"]["countries"]["geometries"]:
        name = geometry["properties"]["name"]
        country = "XK" if name == "Kosovo" else _country_codes()[0].get(geometry.get("id", ""), f"({name})")
        polygons = [geometry["arcs"]] if geometry["type"] == "Polygon" else geometry["arcs"]
        countries.setdefault(country, []).extend(ring for polygon in polygons for ring in polygon)
    countries.pop("AQ", None)
    return arcs, countries


@functools.cache
def _shapes_in_view(view: View, outlines: Path) -> dict[str, _Shape]:
    """Return every country that is at least partly within the view."""
    degrees, countries = _topology(outlines)
    lines = [_thin(arc, view) for arc in degrees]
    left, top, right, bottom = _bounds(view)
    shapes = {}
    for country, rings in countries.items():
        drawn: list[_Ring] = []
        for ring in rings:
            points = [at for arc in ring for at in (lines[arc] if arc >= 0 else lines[~arc][::-1])]
            torn = any(abs(a.x - b.x) > (right - left) / 2 for a, b in itertools.pairwise(points))
            if not torn:  # a ring that is split on the far side of the globe is outside every view
                drawn.append(_Ring([_ViewPoint(at.x - left, at.y - top, at.on_date_line) for at in points]))
        drawn = [r for r in drawn if r.west < right - left and r.east > 0 and r.north < bottom - top and r.south > 0]
        if drawn:
            largest = max(drawn, key=lambda ring: ring.area)
            visible = [
                ring for ring in drawn if ring is largest or max(ring.east - ring.west, ring.south - ring.north) > 1
            ]
            filled = "".join(_svg_path(ring.points) + "z" for ring in visible)
            split = any(at.on_date_line for ring in visible for at in ring.points)
            edge = (
                "".join(_svg_path(part) for ring in visible for part in _split_at_date_line(ring.points))
                if split
                else filled
            )
            extent = max(largest.east - largest.west, largest.south - largest.north)
            shapes[country] = _Shape(filled, edge, largest.centre, extent)
    return shapes


class _ViewPoint(NamedTuple):
    """A point on the map. `on_date_line`: it is on the 180-degree meridian, where the source cuts countries in two."""

    x: float
    y: float
    on_date_line: bool


class _Ring:
    """A closed line with its bounding box, its area and the centre of that area."""

    def __init__(self, points: list[_ViewPoint]) -> None:
        self.points = points
        self.west, self.east = min(at.x for at in points), max(at.x for at in points)
        self.north, self.south = min(at.y for at in points), max(at.y for at in points)
        twice = across = down = 0.0
        for a, b in itertools.pairwise(points):
            piece = a.x * b.y - b.x * a.y
            twice, across, down = twice + piece, across + (a.x + b.x) * piece, down + (a.y + b.y) * piece
        middle = ((self.west + self.east) / 2, (self.north + self.south) / 2)
        self.area = abs(twice) / 2
        self.centre: Point = (across / (3 * twice), down / (3 * twice)) if abs(twice) > 1e-3 else middle


def _thin(arc: Line, view: View) -> list[_ViewPoint]:
    """Return an arc without points too close to the previous one to be distinguished; its end points stay, so that arcs meet."""
    points: list[_ViewPoint] = []
    for place, (longitude, latitude) in enumerate(arc):
        x, y = _project((longitude, latitude), view)
        on_date_line = abs(longitude) > 179.99
        near = bool(points) and abs(x - points[-1].x) + abs(y - points[-1].y) < 0.7
        if not near or on_date_line or place == len(arc) - 1:
            points.append(_ViewPoint(x, y, on_date_line))
    return points


def _split_at_date_line(points: list[_ViewPoint]) -> Iterator[list[_ViewPoint]]:
    """Yield the parts of a ring that are a coast or a border, without the cuts that the source makes at the date line."""
    part = points[:1]
    for a, b in itertools.pairwise(points):
        if a.on_date_line and b.on_date_line:
            if len(part) > 1:
                yield part
            part = [b]
        else:
            part.append(b)
    if len(part) > 1:
        yield part


def _svg_path(points: Iterable[_ViewPoint]) -> str:
    """Return a line as an SVG path, rounded to a tenth, with each point relative to the previous one."""
    tenths = [(round(at.x * 10), round(at.y * 10)) for at in points]
    (x, y), steps = tenths[0], []
    for (a, b), (c, d) in itertools.pairwise(tenths):
        if (a, b) != (c, d):
            steps.append(f"{(c - a) / 10:g},{(d - b) / 10:g}")
    return f"M{x / 10:g},{y / 10:g}l{' '.join(steps)}"


def _project(place: Point, view: View) -> Point:
    """Return degrees as units of the view, measured right and down from where its central meridian meets the equator."""
    longitude, latitude = place
    x, y = _equal_earth((longitude - view.middle + 180) % 360 - 180, latitude)
    unit = _scale(view)
    return x * unit, -y * unit


def _scale(view: View) -> float:
    return view.width / (_equal_earth(view.east - view.middle, 0)[0] - _equal_earth(view.west - view.middle, 0)[0])


def _bounds(view: View) -> tuple[float, float, float, float]:
    """Return the left, top, right and bottom edges of the view, in its units."""
    unit = _scale(view)
    left, right = (_equal_earth(edge - view.middle, 0)[0] * unit for edge in (view.west, view.east))
    return left, -_equal_earth(0, view.north)[1] * unit, right, -_equal_earth(0, view.south)[1] * unit


def _equal_earth(longitude: float, latitude: float) -> Point:
    """Return a point in the Equal Earth projection, from degrees east of the central meridian, with its authors' coefficients."""
    a1, a2, a3, a4 = 1.340264, -0.081106, 0.000893, 0.003796
    t = math.asin(math.sqrt(3) / 2 * math.sin(math.radians(latitude)))
    slope = a1 + 3 * a2 * t**2 + 7 * a3 * t**6 + 9 * a4 * t**8
    x = 2 * math.sqrt(3) * math.radians(longitude) * math.cos(t) / (3 * slope)
    return x, a1 * t + a2 * t**3 + a3 * t**7 + a4 * t**9
