"""A name of a setting that is misspelt where flows run is told in the log of each run."""

import pytest

from tests.flows import planted
from tests.support.prefect_server import PrefectServer, wait_for

SERVE = (
    "from prefect import serve; from dicom_sieve.flows.screen import clean_dicom;"
    "from dicom_sieve.flows.compute import segment_series_of_run;"
    "serve(*(flow.to_deployment('misspelt') for flow in (clean_dicom, segment_series_of_run)))"
)


@pytest.mark.timeout(240)
def test_a_run_warns_of_an_unknown_setting(prefect: PrefectServer) -> None:
    asked = {**planted.request("http://127.0.0.1:9", "bucket"), "criteria": []}
    with prefect.serving(SERVE, "misspelt.log", "misspelt", DICOM_SIEVE_SHARD_OBJECT="s3cr3t"):
        run = prefect.start(asked, "misspelt")
        prefect.state(run)
        warned = wait_for(lambda: _warnings(prefect, run), "a warning", 30)

    assert [line for line in warned if "DICOM_SIEVE_" in line] == [
        "DICOM_SIEVE_SHARD_OBJECT is no setting, and not used; is DICOM_SIEVE_SHARD_OBJECTS meant?"
    ]
    assert not any("s3cr3t" in line for line in warned)


def _warnings(prefect: PrefectServer, run: str) -> list[str]:
    logs = prefect.all_of("/logs/filter", logs={"flow_run_id": {"any_": [run]}, "level": {"ge_": 30}})
    return [log["message"] for log in logs]
