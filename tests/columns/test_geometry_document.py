"""The document of geometry has the measures and the bounds of the code, and the pictures that the script draws now."""

import xml.etree.ElementTree as ET
from dataclasses import fields

import pytest
from scripts.geometry_pictures import IMAGES, pictures

from dicom_sieve.columns.facts import UNIT
from dicom_sieve.columns.geometry import Geometry
from dicom_sieve.columns.planes import ONE_ORIENTATION, PERPENDICULAR, SHORTEST_DIRECTION, TOLERANCE
from dicom_sieve.columns.stacks import LARGEST_COORDINATE, SAME_POSITION
from tests.support.documents import read, section, table

DOCUMENT = " ".join(read("docs/geometry.md").split())


def test_every_measure_has_a_meaning() -> None:
    measures = [row[0] for row in table(section(read("docs/geometry.md"), "What is measured"))]
    assert measures == [*(field.name.upper() for field in fields(Geometry)[1:]), "MISSING"]


@pytest.mark.parametrize(
    "words",
    [
        f"neighbours less than {SAME_POSITION:g} mm apart are one",
        f"at most {ONE_ORIENTATION:g} degree from the mean normal",
        f"at most {TOLERANCE:g} degrees from x, y or z",
        f"a direction shorter than {SHORTEST_DIRECTION:g},",
        f"the cosine of their angle is at most {PERPENDICULAR:g}:",
        f"more than a {({1e6: 'kilometre'})[LARGEST_COORDINATE]} from the origin",
        f"rounded to {UNIT:.6f},",
    ],
)
def test_bounds_are_the_code_s(words: str) -> None:
    assert words in DOCUMENT


@pytest.mark.parametrize("name", pictures())
def test_a_picture_is_up_to_date_and_in_the_document(name: str) -> None:
    drawn = pictures()[name]

    assert (IMAGES / name).read_text(encoding="utf-8") == drawn, "python -m scripts.geometry_pictures draws it"
    assert f"](images/{name})" in read("docs/geometry.md")
    assert ET.fromstring(drawn).tag.endswith("svg")


def test_no_other_picture_of_geometry_lies_about() -> None:
    assert {path.name for path in IMAGES.glob("geometry-*")} == set(pictures())
