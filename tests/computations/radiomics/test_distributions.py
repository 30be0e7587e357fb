"""The page of distributions."""

import re
from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from dicom_sieve.computations.radiomics.distributions import MOST_BARS, as_html, group
from dicom_sieve.computations.radiomics.region import Region

MEAN, VOLUME = "mean_intensity_Q4LE", "volume_mesh_RNU0"


def regions(label: str, *values: float) -> list[Region]:
    return [Region(label, 1, "", 100, 1.0, "HU", {MEAN: value}) for value in values]


class Page(HTMLParser):
    """Names of elements and their attributes, and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[str] = []
        self.attributes: set[str] = set()
        self.texts: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


class TestGroups:
    def test_quartiles_are_of_the_values(self) -> None:
        (lungs,) = group(regions("Lungs", 1, 2, 3, 4, 5))
        (mean,) = lungs.families["statistics"]

        assert (mean.count, mean.quartiles, mean.unit) == (5, (2.0, 3.0, 4.0), "HU")

    def test_few_regions_are_counted_alone(self) -> None:
        (few,) = group(regions("Rare", 1, 2, 3, 4))

        assert (few.label, few.count, few.families) == ("Rare", 4, {})

    def test_few_values_of_many_regions_are_counted_alone(self) -> None:
        many = [*regions("Lungs", 1, 2, 3, 4, 5), Region("Lungs", 1, "", 1, 1.0, "HU", {VOLUME: 3.0})]
        (lungs,) = group(many)
        (volume,) = lungs.families["morphology"]

        assert (volume.count, volume.quartiles, volume.bars) == (1, None, ())

    def test_frequent_labels_come_first(self) -> None:
        found = group([*regions("a", 1), *regions("b", 1, 2), *regions("c", 1)])

        assert [each.label for each in found] == ["b", "a", "c"]

    @given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=5, max_size=60))
    def test_bars_are_of_any_values(self, values: list[float]) -> None:
        (lungs,) = group(regions("Lungs", *values))
        bars = lungs.families["statistics"][0].bars

        assert 1 <= len(bars) <= MOST_BARS
        assert max(bars) == 1.0
        assert min(bars) >= 0.0


class TestPage:
    def test_runs_no_script_and_asks_for_nothing(self) -> None:
        page = as_html(regions("Lungs", 1, 2, 3, 4, 50), title="Features")
        read = Page(page)

        assert not {"script", "link", "img", "iframe", "object", "base"} & set(read.elements)
        assert not {"style", "href", "src"} & read.attributes
        assert "default-src 'none'; style-src 'sha256-" in page
        assert re.search(r"url\(|@import|https?:", page) is None

    @given(st.text("<>&\"'/ax\n", min_size=1, max_size=40))
    def test_hostile_labels_are_text(self, label: str) -> None:
        plain = Page(as_html(regions("Lungs", 1, 2, 3, 4, 5), title="Features"))
        hostile = Page(as_html(regions(label, 1, 2, 3, 4, 5), title=label))

        assert hostile.elements == plain.elements
        assert hostile.attributes == plain.attributes

    def test_no_value_of_few_regions_is_on_the_page(self) -> None:
        page = as_html([*regions("Rare", 123.25, 123.5), *regions("Lungs", 1, 2, 3, 4, 5)], title="Features")

        assert "123" not in page
        assert "Fewer than 5 regions" in page

    def test_an_empty_page_says_so(self) -> None:
        page = as_html([Region("Lungs", 1, "", 0, 0.0, refused="the region is empty")], title="Features")

        assert "1 region, of which 1 could not be computed." in page
        assert "There are no values." in page
