"""Tables over REST: a run reads one from its input or output, and no cell of it is told anywhere."""

import hashlib
from typing import Any

import pytest

from dicom_sieve import Ledger
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.conftest import make_planted_bucket
from tests.flows.s3_proxy import S3Proxy
from tests.support.prefect_server import PrefectServer

pytestmark = pytest.mark.timeout(300)
CELLS = ("CELL-PLANTED-1", "1944-03-02")
ID, DAY = CELLS
TABLE = f"patient_id;surgery\n{planted.PATIENT['PatientID']};2022-01-01\n{ID};{DAY}\n".encode()
COLUMN = {"table": "cohort.csv", "column": "patient_id"}
IN: dict[str, Any] = {"dicom_tag": "PatientID", "operation": "IN", "reference": COLUMN}
DATE = {"table": "cohort.csv", "column": "surgery", "by": {"dicom_tag": ["0010", "0020"], "column": "patient_id"}}
AFTER: dict[str, Any] = {"dicom_tag": "StudyDate", "minus": DATE, "operation": "AT_LEAST", "reference": "001D"}
BROKEN = f"patient_id;surgery\n{ID};no day {DAY}\n".encode()


@pytest.fixture(scope="module")
def bucket(moto_server: S3Server) -> str:
    return make_planted_bucket(moto_server)


@pytest.fixture(scope="module")
def output(moto_server: S3Server) -> str:
    """A bucket with tables."""
    name = moto_server.make_bucket()
    tables = {"run/cohort.csv": TABLE, "run/broken.csv": BROKEN, "run/binary.csv": b"\xff\x00" + ID.encode()}
    for key, body in tables.items():
        moto_server.client().put_object(Bucket=name, Key=key, Body=body)
    return name


@pytest.fixture(scope="module")
def runs(prefect: PrefectServer, moto_server: S3Server, bucket: str, output: str) -> dict[str, str]:
    """Ids of runs with tables, by name; all ended."""

    def started(criteria: list[Any], **more: Any) -> str:
        place = {"output_s3_parameters": planted.location(moto_server.endpoint, output, prefix="run")}
        run = prefect.start({**planted.request(moto_server.endpoint, bucket), **place, "criteria": criteria, **more})
        prefect.state(run)
        return run

    def in_table(table: str, column: str = "patient_id") -> list[Any]:
        return [{**IN, "reference": {"table": table, "column": column}}]

    return {
        "completed": started([IN]),
        "group": started([{"none": [IN], "name": "others"}]),
        "by address": started(in_table(f"s3://{output}/run/cohort.csv")),
        "date": started([AFTER]),
        "preview": started([IN], preview=True),
        "elsewhere": started(in_table("s3://another/cohort.csv")),
        "not there": started(in_table("no.csv")),
        "no column": started(in_table("cohort.csv", "id")),
        "broken": started([{**AFTER, "minus": {**DATE, "table": "broken.csv"}}]),
        "binary": started(in_table("binary.csv")),
    }


ENDS = {
    "completed": ("Completed", "3 of 3 instances passed"),
    "group": ("Completed", "0 of 3 instances passed"),
    "by address": ("Completed", "3 of 3 instances passed"),
    "date": ("Completed", "0 of 3 instances passed"),
    "preview": ("Completed", "Preview: 3 of 3 instances would pass"),
    "elsewhere": ("Failed", "table s3://another/cohort.csv: lies neither in the output nor in the input; accepted: s3"),
    "not there": ("Failed", "table no.csv: is not there; looked for at s3://"),
    "no column": ("Failed", "has no column 'id'; its columns: patient_id and surgery"),
    "broken": ("Failed", "row 1 of column surgery cannot be read; accepted: a date as 2022-01-31 or 20220131"),
    "binary": ("Failed", "binary.csv: is not UTF-8 text; accepted: CSV in UTF-8"),
}


@pytest.mark.parametrize("name", ENDS)
def test_the_end_is_told_in_words(prefect: PrefectServer, runs: dict[str, str], name: str) -> None:
    state, message = prefect.state(runs[name])

    assert state == ENDS[name][0]
    assert ENDS[name][1] in message


def test_the_run_records_the_digest(runs: dict[str, str], served_ledger: Ledger) -> None:
    row = served_ledger.run(runs["completed"]).row

    digest = hashlib.sha256(TABLE).hexdigest()
    assert row.criteria == [
        {**IN, "dicom_tag": ["0010", "0020"], "reference": {**COLUMN, "digest": digest, "values": 2}}
    ]


def test_the_report_says_how_many_values_there_are(runs: dict[str, str], moto_server: S3Server, output: str) -> None:
    key = f"run/{runs['completed']}/report.html"

    report = moto_server.client().get_object(Bucket=output, Key=key)["Body"].read().decode()

    assert "PatientID (0010,0020) is one of the 2 values of column patient_id in cohort.csv" in report


def test_no_cell_is_anywhere(prefect: PrefectServer, runs: dict[str, str], moto_server: S3Server, output: str) -> None:
    assert len(runs) == len(ENDS)
    logs = [("served", (prefect.home / "serve.log").read_text()), ("server", (prefect.home / "server.log").read_text())]
    rows = [(table, str(row)) for table, row in prefect.rows()]
    ledger = [(file.name, file.read_bytes().decode("latin-1")) for file in prefect.home.glob("ledger.db*")]
    client = moto_server.client()
    keys = [found["Key"] for found in client.list_objects_v2(Bucket=output)["Contents"]]
    written = [
        (key, client.get_object(Bucket=output, Key=key)["Body"].read().decode("latin-1"))
        for key in keys
        if not key.endswith(".csv")
    ]

    assert len(written) > 3
    assert [place for place, text in [*logs, *rows, *ledger, *written] if any(cell in text for cell in CELLS)] == []


@pytest.mark.parametrize(
    "reference",
    [{"table": "cohort.csv"}, {**COLUMN, "sheet": 1}, {**COLUMN, "digest": "x"}, {**COLUMN, "column": ""}, {}],
)
def test_a_table_that_is_misshapen_is_refused_by_the_call(
    prefect: PrefectServer, moto_server: S3Server, bucket: str, reference: object
) -> None:
    request = {**planted.request(moto_server.endpoint, bucket), "criteria": [{**IN, "reference": reference}]}

    answer = prefect.post(request)

    assert answer.status_code == 409
    assert "reference" in answer.text
    assert not any(secret in answer.text for secret in planted.SECRETS)


def test_a_table_that_is_not_there_ends_the_run_before_anything_else_is_asked(
    prefect: PrefectServer, proxy: S3Proxy, bucket: str
) -> None:
    asked: list[str] = []
    proxy.rule = lambda request: asked.append(request.path)
    try:
        run = prefect.start({**planted.request(proxy.endpoint, bucket), "criteria": [IN]})
        assert "table cohort.csv: is not there" in prefect.state(run)[1]
    finally:
        proxy.rule = lambda _: None
    assert asked == [f"/{bucket}/cohort.csv"]
