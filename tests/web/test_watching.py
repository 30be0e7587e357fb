"""Those who watch the service learn whether it lives, whether it can work, and its figures; nobody else does."""

import base64
import datetime
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from dicom_sieve import Ledger, open_ledger
from dicom_sieve.advice import OTHER_CAUSES
from dicom_sieve.clock import now
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.demo import bucket
from dicom_sieve.errors import IncompleteRunError
from dicom_sieve.ledger.database.tables import lease, run
from dicom_sieve.ledger.reading import totals
from dicom_sieve.objects import Location
from dicom_sieve.screening import Screening, screen
from dicom_sieve.settings import Settings
from dicom_sieve.web.app import make_app
from dicom_sieve.web.context import Context
from dicom_sieve.web.people import MOST_FAILURES, Proxy, Sessions
from tests.cli.command import run_command
from tests.support.simulated_store import SimulatedStore
from tests.web.site import SimulatedPrefect

ROOT = Path(__file__).parents[2]
CT = [{"dicom_tag": ["0008", "0060"], "operation": "EQUALS", "reference": "CT"}]
PASSWORD = "admin:secret"


@pytest.fixture
def screened(ledger: Ledger) -> Ledger:
    for run_id in ("first", "again"):
        screen(Screening(run_id, SimulatedStore(dict(bucket.objects())), load_criteria(CT)), ledger)
    return ledger


@pytest.fixture
def prefect() -> Iterator[SimulatedPrefect]:
    made = SimulatedPrefect()
    yield made
    made.close()


def client(ledger: Ledger, prefect: SimulatedPrefect, password: str | None = PASSWORD) -> TestClient:
    context = Context(ledger, prefect, Sessions(password), Proxy(), Settings())
    return TestClient(make_app(context), base_url="http://localhost", client=("127.0.0.1", 1), follow_redirects=False)


def hold(ledger: Ledger, run_id: str) -> datetime.datetime:
    """Leave a lease of a run's location, and tell when the run began."""
    with ledger.engine.begin() as connection:
        held = connection.execute(
            sa.select(run.c.number, run.c.location_id, run.c.started_at).where(run.c.id == run_id)
        )
        number, location_id, started_at = held.one()
        left = {"location_id": location_id, "run_number": number, "holder": "it", "expires_at": now()}
        connection.execute(sa.insert(lease).values(left))
    since: datetime.datetime = started_at
    return since


def basic(password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(password.encode()).decode()}"}


def samples(text: str) -> dict[tuple[str, ...], float]:
    """Give each figure by its name and the values of its labels."""
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


class TestHealth:
    def test_lives_and_is_ready_for_who_has_no_password(self, ledger: Ledger, prefect: SimulatedPrefect) -> None:
        pages = client(ledger, prefect)

        assert pages.get("/health/live").json() == {"status": "ok"}
        assert pages.get("/health/ready").json() == {"status": "ok", "ledger": "ok", "prefect": "ok"}

    def test_is_ready_without_prefect_and_says_so(self, ledger: Ledger, prefect: SimulatedPrefect) -> None:
        prefect.is_away = True

        answer = client(ledger, prefect).get("/health/ready")

        assert (answer.status_code, answer.json()["prefect"]) == (200, "away")

    def test_is_not_ready_without_its_ledger(self, tmp_path: Path, prefect: SimulatedPrefect) -> None:
        path = tmp_path / "ledger.db"
        with open_ledger(f"sqlite:///{path}") as held:
            pages = client(held, prefect)
            path.rename(tmp_path / "away.db")
            answer = pages.get("/health/ready")

        assert (answer.status_code, answer.json()["ledger"]) == (503, "away")
        assert pages.get("/health/live").status_code == 200


class TestWhoMayWatch:
    def test_figures_want_the_password_of_the_api(self, ledger: Ledger, prefect: SimulatedPrefect) -> None:
        pages = client(ledger, prefect)

        assert pages.get("/metrics").status_code == 401
        for wrong in ("admin:wrong", "secret", ":", "admin:", ""):
            assert pages.get("/metrics", headers=basic(wrong)).status_code == 401
        for broken in ("Basic", "Basic !!", "Bearer secret", "Basic /w=="):
            assert pages.get("/metrics", headers={"Authorization": broken}).status_code == 401
        assert pages.get("/metrics", headers=basic(PASSWORD)).status_code == 200

    def test_too_many_wrong_passwords_let_nobody_in_for_a_while(
        self, ledger: Ledger, prefect: SimulatedPrefect
    ) -> None:
        pages = client(ledger, prefect)
        for _ in range(MOST_FAILURES):
            pages.get("/metrics", headers=basic("admin:wrong"))

        assert pages.get("/metrics", headers=basic(PASSWORD)).status_code == 401

    def test_where_there_is_no_password_everyone_may(self, ledger: Ledger, prefect: SimulatedPrefect) -> None:
        assert client(ledger, prefect, None).get("/metrics").status_code == 200


class TestFigures:
    def test_are_sums_over_all_runs(self, screened: Ledger, prefect: SimulatedPrefect) -> None:
        found = samples(client(screened, prefect, None).get("/metrics").text)

        rows = [row for row in screened.runs() if row.counts is not None]
        counts = [row.counts or {} for row in rows]
        assert found["dicom_sieve_runs", "COMPLETED"] == len(rows) == 2
        for name, metric in (("listed", "objects_listed"), ("indexed", "objects_read"), ("reads", "reads")):
            assert found[(f"dicom_sieve_{metric}_total",)] == sum(each[name] for each in counts) > 0
        for verdict in ("passed", "discarded"):
            judged = sum(each[verdict] for each in counts)
            assert found["dicom_sieve_objects_judged_total", verdict] == judged > 0
        for defect, count in counts[0]["defects"].items():
            assert found["dicom_sieve_objects_defective_total", defect] == 2 * count
        assert found[("dicom_sieve_run_seconds_count",)] == 2
        assert found["dicom_sieve_run_seconds_bucket", "+Inf"] == 2
        assert found[("dicom_sieve_locations",)] == 1
        assert found[("dicom_sieve_runs_unsealed",)] == 0
        assert found[("dicom_sieve_leases_lapsed",)] == 0
        assert found[("dicom_sieve_ledger_bytes",)] > 10_000
        assert found["dicom_sieve_flow_runs", "RUNNING"] == 0
        for step in ("list", "index", "keep", "decide", "seal"):
            took = sum((row.milliseconds or {})[step] for row in rows)
            assert found["dicom_sieve_step_seconds_total", step] == pytest.approx(took / 1_000)
        assert sum(value for (name, *_), value in found.items() if name == "dicom_sieve_step_seconds_total") > 0
        assert ("dicom_sieve_oldest_lease_timestamp_seconds",) not in found
        sealed = max(row.finished_at for row in rows if row.finished_at is not None)
        assert found[("dicom_sieve_last_seal_timestamp_seconds",)] == pytest.approx(sealed.timestamp())

    def test_count_faults_by_kind_whatever_a_server_calls_them(
        self, screened: Ledger, prefect: SimulatedPrefect
    ) -> None:
        store = SimulatedStore({"1": b"x", "2": b"y"}, location=Location("https://simulated", "faulty", ""))
        store.faults["1"] = -1
        with pytest.raises(IncompleteRunError):
            screen(Screening("faulty", store, load_criteria(CT)), screened)
        [(cause, count)] = (screened.run("faulty").row.counts or {})["unread_causes"].items()

        found = samples(client(screened, prefect, None).get("/metrics").text)

        assert (cause, count) == ("ConnectionClosedError", 1)
        assert found["dicom_sieve_faults_total", cause] == 1
        assert found["dicom_sieve_faults_total", OTHER_CAUSES] == 0
        assert found[("dicom_sieve_objects_unread_total",)] == 1

    def test_tell_since_when_a_run_holds_its_location(self, screened: Ledger, prefect: SimulatedPrefect) -> None:
        since = hold(screened, "again")

        found = samples(client(screened, prefect, None).get("/metrics").text)

        assert found[("dicom_sieve_oldest_lease_timestamp_seconds",)] == pytest.approx(since.timestamp())
        assert found[("dicom_sieve_leases",)] == 1

    def test_of_prefect_are_left_out_where_it_is_away(self, ledger: Ledger, prefect: SimulatedPrefect) -> None:
        prefect.is_away = True

        assert "flow_runs" not in client(ledger, prefect, None).get("/metrics").text

    def test_are_printed_by_the_command(self, screened: Ledger, tmp_path: Path) -> None:
        url = screened.engine.url.render_as_string(hide_password=False)
        done = run_command("ledger", "metrics", home=tmp_path, DICOM_SIEVE_DATABASE_URL=url)

        assert done.returncode == 0, done.stderr
        assert samples(done.stdout)["dicom_sieve_runs", "COMPLETED"] == 2

    def test_hold_no_value_key_or_name_of_a_place(self, screened: Ledger, prefect: SimulatedPrefect) -> None:
        text = client(screened, prefect, None).get("/metrics").text

        for row in screened.runs():
            assert row.bucket not in text
        labels = {
            label for family in text_string_to_metric_families(text) for s in family.samples for label in s.labels
        }
        assert labels <= {"version", "state", "verdict", "defect", "le", "computation", "step", "kind"}


class TestWhatIsDeployed:
    """Dashboard and alerts ask for figures that there are."""

    @pytest.mark.parametrize("name", ["grafana-dashboard.json", "prometheus-alerts.yaml"])
    def test_asks_for_figures_that_there_are(self, screened: Ledger, prefect: SimulatedPrefect, name: str) -> None:
        hold(screened, "again")
        text = (ROOT / "deploy" / name).read_text(encoding="utf-8")
        asked = set(re.findall(r"dicom_sieve_\w+", text))

        found = {sample for sample, *_ in samples(client(screened, prefect, None).get("/metrics").text)}
        assert asked - found - {"dicom_sieve_computed_series"} == set()
        assert len(asked) > 4

    def test_every_figure_is_on_the_dashboard(self, screened: Ledger, prefect: SimulatedPrefect) -> None:
        board = json.loads((ROOT / "deploy/grafana-dashboard.json").read_text(encoding="utf-8"))
        asked = " ".join(target["expr"] for panel in board["panels"] for target in panel["targets"])
        hold(screened, "again")
        text = client(screened, prefect, None).get("/metrics").text

        families = {family.name for family in text_string_to_metric_families(text)} - {"dicom_sieve_info"}
        assert [name for name in families if name not in asked] == []
        assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in board["panels"]}) == len(
            board["panels"]
        )

    def test_each_alert_says_what_is(self) -> None:
        groups = yaml.safe_load((ROOT / "deploy/prometheus-alerts.yaml").read_text(encoding="utf-8"))["groups"]

        for rule in groups[0]["rules"]:
            assert rule["alert"].startswith("DicomSieve")
            assert rule["annotations"]["summary"].endswith(".")


def test_totals_of_an_empty_ledger_are_nothing(ledger: Ledger) -> None:
    held = totals.read_totals(ledger.engine)

    assert (held.locations, held.sealed_at, held.listed_at, held.leases, list(held.seconds)) == (0, None, None, 0, [])
