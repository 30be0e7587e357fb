"""What others rely on is what it was in the version that the files beside this one name, or the version says so."""

import pytest
from scripts import surfaces
from scripts.surfaces import ASKED, CALLED, KINDS, SURFACES, TOLD
from scripts.version_steps import Step, allows, changes, next_version

from dicom_sieve.version import __version__
from tests.support.documents import read, section, table


@pytest.mark.parametrize("name", SURFACES)
def test_a_change_takes_the_version_as_far_as_it_has_to(name: str) -> None:
    released, before = surfaces.read(name)
    found = list(changes(before, SURFACES[name](), KINDS[name]))
    step = max((change.step for change in found), default=Step.NONE)

    told = "\n".join(change.describe() for change in found)
    assert allows(__version__, released, step), (
        f"{name} of {released} needs version {next_version(released, step)}, not {__version__}:\n{told}\n"
        "Set it in version.py; if the version in the file was never released, 'make surfaces' instead."
    )


@pytest.mark.parametrize("name", SURFACES)
def test_what_is_new_is_kept_with_its_version(name: str) -> None:
    released, before = surfaces.read(name)

    assert released != __version__ or before == SURFACES[name]()


def step_of(before: dict[str, str], now: dict[str, str], kind: str) -> Step:
    [change] = changes(before, now, kind)
    return change.step


class TestWhatIsAsked:
    def test_a_field_that_is_gone_breaks_requests(self) -> None:
        assert step_of({"run.a": "optional, string"}, {}, ASKED) is Step.MAJOR

    def test_a_new_field_breaks_requests_only_where_it_is_required(self) -> None:
        assert step_of({}, {"run.a": "optional, string"}, ASKED) is Step.MINOR
        assert step_of({}, {"run.a": "required, string"}, ASKED) is Step.MAJOR

    def test_what_need_not_be_given_any_more_breaks_nothing(self) -> None:
        assert step_of({"run.a": "required, string"}, {"run.a": "optional, string"}, ASKED) is Step.MINOR
        assert step_of({"run.a": "optional, string"}, {"run.a": "required, string"}, ASKED) is Step.MAJOR
        assert step_of({"run.a": "optional, string"}, {"run.a": "optional, integer"}, ASKED) is Step.MAJOR

    def test_limits_may_only_become_wider(self) -> None:
        assert step_of({"run.a maxLength": "limit 64"}, {"run.a maxLength": "limit 65"}, ASKED) is Step.MINOR
        assert step_of({"run.a maxLength": "limit 64"}, {"run.a maxLength": "limit 63"}, ASKED) is Step.MAJOR
        assert step_of({"run.a minimum": "limit 1"}, {"run.a minimum": "limit 0"}, ASKED) is Step.MINOR
        assert step_of({"run.a pattern": 'limit "a"'}, {"run.a pattern": 'limit "b"'}, ASKED) is Step.MAJOR
        assert step_of({"run.a maxLength": "limit 64"}, {}, ASKED) is Step.MINOR
        assert step_of({}, {"run.a maxLength": "limit 64"}, ASKED) is Step.MAJOR


class TestWhatIsTold:
    def test_a_column_that_is_gone_or_has_another_type_breaks_readers(self) -> None:
        assert step_of({"view.a": "TEXT"}, {}, TOLD) is Step.MAJOR
        assert step_of({"view.a": "TEXT"}, {"view.a": "BIGINT"}, TOLD) is Step.MAJOR

    def test_a_new_column_breaks_nothing(self) -> None:
        assert step_of({}, {"view.a": "TEXT"}, TOLD) is Step.MINOR

    def test_what_is_always_there_may_not_become_rare(self) -> None:
        assert step_of({"r.a": "optional, string"}, {"r.a": "required, string"}, TOLD) is Step.MINOR
        assert step_of({"r.a": "required, string"}, {"r.a": "optional, string"}, TOLD) is Step.MAJOR


class TestWhatIsCalled:
    def test_a_parameter_may_be_added_where_calls_go_on(self) -> None:
        assert step_of({}, {"f(a)": "optional, by name"}, CALLED) is Step.MINOR
        assert step_of({}, {"f(a)": "required, by name"}, CALLED) is Step.MAJOR

    def test_a_parameter_keeps_its_place(self) -> None:
        assert step_of({"f(a)": "optional, at 0"}, {"f(a)": "optional, at 1"}, CALLED) is Step.MAJOR
        assert step_of({"f(a)": "required, at 0"}, {"f(a)": "optional, at 0"}, CALLED) is Step.MINOR


class TestVersions:
    @pytest.mark.parametrize(
        ("released", "step", "version"),
        [
            ("1.4.2", Step.NONE, "1.4.2"),
            ("1.4.2", Step.MINOR, "1.5.0"),
            ("1.4.2", Step.MAJOR, "2.0.0"),
            ("0.2.1", Step.MINOR, "0.2.2"),
            ("0.2.1", Step.MAJOR, "0.3.0"),
        ],
    )
    def test_the_next_version_follows_from_the_step(self, released: str, step: Step, version: str) -> None:
        assert next_version(released, step) == version

    def test_a_later_version_is_far_enough(self) -> None:
        assert allows("2.0.0", "1.4.2", Step.MINOR)
        assert not allows("1.4.3", "1.4.2", Step.MINOR)
        assert allows("1.10.0", "1.9.0", Step.MINOR)


def test_the_document_names_each_surface_and_where_it_is_kept() -> None:
    rows = table(section(read("docs/compatibility.md"), "What is kept stable"))

    assert {row[1].partition("](")[0].strip("[") for row in rows} == {f"{name}.json" for name in SURFACES}
