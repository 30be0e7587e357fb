"""A preview over REST: what the run that follows it says, and nothing left behind but what is known of the bucket."""

import json

import pytest

from dicom_sieve import Ledger
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.conftest import make_planted_bucket
from tests.flows.s3_proxy import S3Proxy
from tests.screening.screenings import sql
from tests.support.prefect_server import PrefectServer


@pytest.mark.timeout(120)
def test_preview_says_what_the_run_after_it_says_and_leaves_no_run(
    prefect: PrefectServer, proxy: S3Proxy, moto_bucket: str, served_ledger: Ledger
) -> None:
    output = planted.location(proxy.endpoint, moto_bucket, prefix="results")
    asked = planted.request(proxy.endpoint, moto_bucket, output_s3_parameters=output)
    runs = sql(served_ledger, "SELECT count(*) FROM run")
    decisions = sql(served_ledger, "SELECT count(*) FROM decision_page")

    preview = prefect.start({**asked, "preview": True})
    foreseen = prefect.state(preview)
    written = [request for request in proxy.requests if request.method not in {"GET", "HEAD"}]
    left = sql(served_ledger, "SELECT count(*) FROM run"), sql(served_ledger, "SELECT count(*) FROM decision_page")
    run = prefect.start({**asked, "output_s3_parameters": None, "preview": False})

    assert foreseen == ("Completed", "Preview: 2 of 3 instances would pass in 1 partial series")
    assert (written, left) == ([], (runs, decisions))
    assert prefect.state(run) == ("Completed", "2 of 3 instances passed in 1 partial series")
    assert prefect.flow_run(preview)["parameters"]["preview"] is True
    assert [run.id for run in served_ledger.runs()].count(run) == 1
    shown = prefect.all_of("/artifacts/filter", artifacts={"flow_run_id": {"any_": [preview]}})
    [reasons] = [json.loads(artifact["data"]) for artifact in shown if artifact["key"] == "reasons"]
    assert reasons == [{"reason": "Criterion 1: Modality (0008,0060) is CT", "name": "NOT_MET", "objects": 1}]
    assert not any(value in str(shown) for value in planted.VALUES)


@pytest.mark.timeout(120)
def test_what_was_listed_last_is_previewed_and_judged_without_asking_the_bucket(
    prefect: PrefectServer, proxy: S3Proxy, moto_server: S3Server, served_ledger: Ledger
) -> None:
    bucket = make_planted_bucket(moto_server)
    last = planted.request(proxy.endpoint, bucket, listing="LAST")
    never = prefect.state(prefect.start(last))
    assert prefect.state(prefect.start(planted.request(proxy.endpoint, bucket)))[0] == "Completed"
    asked = len(proxy.requests)

    foreseen = prefect.state(prefect.start({**last, "preview": True}))
    run = prefect.start(last)

    assert prefect.state(run) == ("Completed", "2 of 3 instances passed in 1 partial series")
    assert foreseen == ("Completed", "Preview: 2 of 3 instances would pass in 1 partial series")
    assert len(proxy.requests) == asked
    assert never[0] == "Failed"
    assert "no complete listing" in never[1]
    assert (served_ledger.run(run).row.counts or {})["reads"] == 0
