"""A run shows how far it is at least every 5 s, also while one shard takes longer."""

import datetime
import time
from itertools import pairwise

import pytest

from tests.flows import planted
from tests.flows.s3_proxy import Asked, S3Proxy
from tests.support.prefect_server import END_STATES, PrefectServer

SECONDS_A_READ = 12.0
MOST_SECONDS = 5.0


@pytest.mark.timeout(120)
def test_a_slow_shard_does_not_silence_a_run(prefect: PrefectServer, proxy: S3Proxy, moto_bucket: str) -> None:
    def slow(asked: Asked) -> None:
        if asked.is_read:
            time.sleep(SECONDS_A_READ)

    proxy.rule = slow
    run = prefect.start(planted.request(proxy.endpoint, moto_bucket, preview=False))
    shown: dict[datetime.datetime, str] = {}
    while prefect.flow_run(run)["state"]["type"] not in END_STATES:
        artifacts = prefect.all_of("/artifacts/filter", artifacts={"flow_run_id": {"any_": [run]}})
        for artifact in artifacts:
            if artifact["key"] == "headers-read":
                shown[datetime.datetime.fromisoformat(artifact["updated"])] = artifact["description"]
        time.sleep(0.3)

    while_reading = [moment for moment, text in shown.items() if text == "3 objects listed, 0 of 3 headers read"]
    assert (max(while_reading) - min(while_reading)).total_seconds() > SECONDS_A_READ - MOST_SECONDS
    assert max((later - earlier).total_seconds() for earlier, later in pairwise(shown)) < MOST_SECONDS
    assert prefect.state(run)[0] == "Completed"
