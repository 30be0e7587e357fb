"""What the commands tell of damaged objects, and of headers that were read up to a bound."""

import json
from pathlib import Path

import pytest

from dicom_sieve import open_ledger
from dicom_sieve.criteria import Criterion
from dicom_sieve.screening import Preview, preview
from dicom_sieve.stores import DirectoryStore
from tests.cli.command import run_command
from tests.screening.partly_read import CRITERIA, DAMAGED, reading


class Home:
    """A folder with damaged objects, which the ledger in it knows, and criteria."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.images, self.criteria = folder, folder / "images", folder / "criteria.json"
        self.images.mkdir()
        self.criteria.write_text(json.dumps(CRITERIA))
        for key in DAMAGED:
            (self.images / key).write_text(key)
        (folder / ".dicom-sieve").mkdir(mode=0o700)
        with open_ledger(f"sqlite:///{folder / '.dicom-sieve' / 'ledger.db'}") as ledger:
            asked = [Criterion.model_validate(criterion) for criterion in CRITERIA]
            preview(Preview(DirectoryStore(self.images), asked, run_shards=reading(DAMAGED)), ledger)
        self.discarding, self.judging = (self.screen(*more) for more in ((), ("--damaged", "judge")))

    def screen(self, *more: str) -> str:
        answer = json.loads(self.ask("screen", str(self.images), "--criteria", str(self.criteria), "--json", *more))
        return str(answer["run_id"])

    def ask(self, *arguments: str) -> str:
        done = run_command(*arguments, home=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    return Home(tmp_path_factory.mktemp("home"))


DAMAGED_AT = "The object is DICOM, but damaged at or behind"


class TestTrace:
    @pytest.mark.parametrize(
        ("key", "lines"),
        [
            (
                "cut behind",
                [
                    f"defect     CORRUPT: {DAMAGED_AT} (0028,0010) (cut short)",
                    f"  {DAMAGED_AT} (0028,0010) (cut short); all that was asked lies before it",
                    "  PatientAge (0010,1010) is younger than 065Y: MET, value '045Y'",
                ],
            ),
            (
                "cut before",
                [
                    f"  {DAMAGED_AT} (0010,0020) (cut short); PatientAge (0010,1010) may lie behind it",
                    "  PatientAge (0010,1010) is younger than 065Y: UNREACHED, value not reached",
                ],
            ),
            (
                "up to a bound",
                [
                    "read       as far as (0009,0000), where a bound ended it",
                    "  PatientAge (0010,1010) is younger than 065Y: UNREACHED, value not reached",
                ],
            ),
            (
                "of old",
                ["defect     CORRUPT: The object is DICOM, or an archive, and damaged or cut short."],
            ),
        ],
    )
    def test_trace_says_where_the_damage_is_and_whether_all_that_was_asked_lies_before(
        self, home: Home, key: str, lines: list[str]
    ) -> None:
        said = home.ask("trace", key).splitlines()

        assert set(lines) <= set(said), said

    def test_trace_says_it_in_json_of_each_run(self, home: Home) -> None:
        [told] = json.loads(home.ask("trace", "cut before", "--json"))["objects"]

        assert (told["damage"], told["unreadable_from"]) == ("CUT", "00100020")
        reason = f"{DAMAGED_AT} (0010,0020) (cut short); PatientAge (0010,1010) may lie behind it"
        assert [(run["damaged"], run["verdict"], run["findings"], run["reason"]) for run in told["decisions"]] == [
            (None, "DISCARDED", [], reason),
            ("JUDGE", "DISCARDED", ["MET", "UNREACHED"], reason),
        ]


class TestShowAndReport:
    def test_count_damaged_objects_and_those_with_all_that_was_asked_before(self, home: Home) -> None:
        for run, passed in ((home.discarding, 0), (home.judging, 3)):
            shown = [" ".join(line.split()) for line in home.ask("show", run).splitlines()]
            assert {
                "CORRUPT, judged or not 9",
                "of these, all that was asked lies before the damage 4",
                f"of these, passed {passed}",
            } <= set(shown)
            assert ("damaged objects were judged by what lies before the damage" in shown) == bool(passed)

    def test_show_and_report_say_what_became_of_them_in_every_format(self, home: Home) -> None:
        counts = "9 objects are CORRUPT, of which 4 with all that was asked before the damage."
        for run, said in (
            (home.discarding, f"{counts} Damaged objects were discarded."),
            (home.judging, f"{counts} Damaged objects were judged by what lies before the damage: 3 passed."),
        ):
            for how in ("html", "markdown"):
                assert said in home.ask("report", run, "--format", how)
        assert "3 instances that passed are damaged: what opens them may fail." in home.ask("report", home.judging)
        told = json.loads(home.ask("report", home.judging, "--format", "json"))
        assert told["damaged"] == {"objects": 9, "all_before": 4, "passed": 3}
        assert told["run"]["damaged"] == "JUDGE"
        assert "damaged" not in json.loads(home.ask("report", home.discarding, "--format", "json"))["run"]

    def test_show_and_report_name_the_defect_of_what_was_not_judged_of_a_partial_series(self, home: Home) -> None:
        assert "1 passed; 1 not judged, CORRUPT" in home.ask("report", home.discarding)


class TestTrying:
    def test_a_preview_answers_both_ways(self, home: Home) -> None:
        asked = ("preview", str(home.images), "--criteria", str(home.criteria), "--json")
        for more, passed in (((), 2), (("--damaged", "discard"), 2), (("--damaged", "JUDGE"), 5)):
            assert json.loads(home.ask(*asked, *more))["counts"]["passed"] == passed
            assert json.loads(home.ask(*asked, *more, "--no-listing"))["counts"]["passed"] == passed

    def test_a_comparison_says_that_the_damage_is_why(self, home: Home) -> None:
        said = home.ask("compare", home.discarding, home.judging)
        tried = home.ask("compare", home.discarding, str(home.criteria), "--damaged", "judge")

        for text in (said, tried):
            assert "IN       1.5.1  NONE 0/2 -> WHOLE 2/2  A CORRUPT 2" in text
            assert "A: The object is DICOM, or an archive, and damaged or cut short." in text
            assert text.count("damaged objects are judged by what lies before the damage") == 1

    def test_a_comparison_of_two_runs_has_what_they_did(self, home: Home) -> None:
        done = run_command("compare", home.discarding, home.judging, "--damaged", "judge", home=home.folder)

        assert done.returncode == 2
        assert "is for a file of criteria; a run has its own" in " ".join(done.stderr.split())

    def test_values_tell_what_was_not_reached_from_what_is_absent(self, home: Home) -> None:
        [row] = [
            line.split(",") for line in home.ask("values", str(home.images), "--csv").splitlines() if "Age" in line
        ]
        assert row[-5:] == ["2", "0", "0", "1", "1"]
        assert "0 none, 1 perhaps one where reading did not come" in home.ask("values", str(home.images), "PatientAge")


def test_another_word_for_damaged_objects_is_refused(home: Home) -> None:
    done = run_command(
        "screen", str(home.images), "--criteria", str(home.criteria), "--damaged", "keep", home=home.folder
    )

    assert done.returncode == 2
    assert "'keep' is not one of" in done.stderr
