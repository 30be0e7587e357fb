"""The whole of it on one machine: S3 and Prefect servers, a bucket of real DICOM, one run over REST, what follows it.

Everything is kept in ``.demo`` and made anew each time. ``--keep`` leaves the servers running until Ctrl-C.
"""

import argparse
import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

import boto3

sys.path.insert(0, str(Path(__file__).parent.parent))

from scripts.demo_bucket import SERIES, objects

FOLDER = Path(__file__).parent.parent / ".demo"
BIN = Path(sys.executable).parent
PASSWORD = FOLDER / "prefect" / "api-password"
KEY_ID, ACCESS_KEY = "demo-key", "demo-secret"
BUCKET, OUTPUT_BUCKET, REGION = "challenge-tech", "results", "eu-west"
SECONDS_TO_START = 120
CRITERIA = [
    {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2022-01-01"},
    {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]},
]


def main() -> None:
    """Run the demo."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--keep", action="store_true", help="leave the servers running until Ctrl-C")
    keep = arguments.parse_args().keep
    signal.signal(signal.SIGTERM, _interrupt)
    shutil.rmtree(FOLDER, ignore_errors=True)
    os.umask(0o077)  # whatever is left there is for its owner alone
    FOLDER.mkdir(mode=0o700)
    s3_port, prefect_port = _free_ports(2)
    s3, prefect = f"http://127.0.0.1:{s3_port}", f"http://127.0.0.1:{prefect_port}"
    auth = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING")
    environment = {
        **{name: value for name, value in os.environ.items() if name not in auth},
        "DICOM_SIEVE_DATABASE_URL": f"sqlite:///{FOLDER / 'ledger.db'}",
        "PREFECT_HOME": str(FOLDER / "prefect"),
        "PREFECT_RUNNER_POLL_FREQUENCY": "2",  # seconds; Prefect's 10 would be waited for twice
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ACCESS_KEY_ID": KEY_ID,  # of what follows a run: its credentials are not stored
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS": s3.partition("://")[2],
    }
    then = FOLDER / "then.json"
    then.write_text(
        json.dumps(
            {
                "input_s3_parameters": _location(s3, BUCKET),
                "output_s3_parameters": _location(s3, OUTPUT_BUCKET),
            }
        )
    )
    with (
        _running([str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(s3_port)], environment, "s3.log"),
        _running(
            [str(BIN / "dicom-sieve"), "up", "--port", str(prefect_port), "--then-segment", str(then)],
            environment,
            "prefect.log",
        ),
    ):
        try:
            _show(s3, prefect, environment)
            if keep:
                _say(f"left running: UI {prefect}, S3 {s3} ({KEY_ID}:{ACCESS_KEY}); stop with Ctrl-C")
                signal.pause()
        except KeyboardInterrupt:
            _say("stopped")


def _show(s3: str, prefect: str, environment: dict[str, str]) -> None:
    count = _fill(s3)
    _say(f"bucket {BUCKET} holds {count} objects; waiting for Prefect")
    deployment = _wait_for_deployment(f"{prefect}/api")
    _say(f'the API password is in {PASSWORD}: curl -u "$(cat {PASSWORD})" {prefect}/api/…, or in Prefect\'s UI')
    parameters = {
        "input_s3_parameters": {**_location(s3, BUCKET), "credentials": f"{KEY_ID}:{ACCESS_KEY}"},
        "criteria": CRITERIA,
        "output_s3_parameters": {**_location(s3, OUTPUT_BUCKET), "credentials": f"{KEY_ID}:{ACCESS_KEY}"},
    }
    _say(f"POST {prefect}/api/deployments/{deployment}/create_flow_run")
    shown = json.dumps({"parameters": parameters}, indent=2).replace(f"{KEY_ID}:{ACCESS_KEY}", "key_id:access_key")
    sys.stdout.write(shown + "\n")
    run = _call(f"{prefect}/api/deployments/{deployment}/create_flow_run", {"parameters": parameters})["id"]
    state = _wait_for_end(f"{prefect}/api/flow_runs/{run}")
    _say(f"run {run}: {state['name']}: {state['message']}")
    if state["type"] != "COMPLETED":
        raise SystemExit(f"the run did not complete; see {FOLDER / 'prefect.log'}")
    for command in (
        ("show", run),
        ("series", run, "--selection", "WHOLE"),
        ("trace", "odd//two slashes + a plus #1.dcm"),
    ):
        _run(environment, *command)
    _say("the event of its end starts segment-series: lungs and body of each whole CT series, not for clinical use")
    following = _wait_for_following(f"{prefect}/api", run)
    state = _wait_for_end(f"{prefect}/api/flow_runs/{following}")
    _say(f"run {following}: {state['name']}: {state['message']}")
    if state["type"] != "COMPLETED":
        raise SystemExit(f"the segmentation did not complete; see {FOLDER / 'prefect.log'}")
    _run(environment, "computations", run)
    _say("of a result of the series with lungs, back to where it comes from")
    result = _segmentation_of_lungs(environment, run)
    _run(environment, "trace", str(result["sop_instance_uid"]))
    _say("where everything is")
    sys.stdout.write(
        f"ledger     {FOLDER / 'ledger.db'} (views instance_decision, series_decision, series_computation)\n"
        f"manifest   s3://{OUTPUT_BUCKET}/{run}/manifest.json at {s3}\n"
        f"results    {str(result['uri']).rpartition('/')[0]}/ at {s3}\n"
        f"UI         {prefect}/runs/flow-run/{run} (make demo KEEP=1 leaves it running)\n"
    )


def _run(environment: dict[str, str], *command: str) -> None:
    _say("dicom-sieve " + " ".join(f"'{part}'" if " " in part else part for part in command))
    subprocess.run([BIN / "dicom-sieve", *command], env=environment, check=True)


def _segmentation_of_lungs(environment: dict[str, str], run: str) -> dict[str, Any]:
    """Find, as a program would, what came out of the series that has lungs."""
    command = [str(BIN / "dicom-sieve"), "computations", run, "--json"]
    [computation] = json.loads(subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE).stdout)
    [uid] = [one.uid for one in SERIES if one.has_lungs]
    outputs = next(one["outputs"] for one in computation["series"] if one["series_instance_uid"] == uid)
    return next(dict(one) for one in outputs if one["sop_instance_uid"])


def _fill(endpoint: str) -> int:
    client: Any = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=ACCESS_KEY,
    )
    _wait_until_answering(endpoint)
    for bucket in (BUCKET, OUTPUT_BUCKET):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    count = 0
    for key, body in objects():
        client.put_object(Bucket=BUCKET, Key=key, Body=body)
        count += 1
    return count


def _location(endpoint: str, bucket: str) -> dict[str, str]:
    return {"endpoint": endpoint, "bucket": bucket, "region": REGION}


def _wait_for_deployment(api: str) -> str:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        try:
            return str(_call(f"{api}/deployments/name/clean-dicom/default")["id"])
        except OSError:
            time.sleep(0.3)
    raise SystemExit(f"the deployment was not served within {SECONDS_TO_START} s; see {FOLDER / 'prefect.log'}")


def _wait_for_following(api: str, run: str) -> str:
    """Wait for the flow run that the automation starts."""
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        for one in _call(f"{api}/flow_runs/filter", {"flows": {"name": {"any_": ["segment-series"]}}}):
            if one["parameters"]["run_id"] == run:
                return str(one["id"])
        time.sleep(0.3)
    raise SystemExit(f"nothing followed the run; see {FOLDER / 'prefect.log'}")


def _wait_for_end(url: str) -> dict[str, Any]:
    while True:
        state: dict[str, Any] = _call(url)["state"]
        if state["type"] in {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}:
            return state
        time.sleep(0.3)


def _wait_until_answering(url: str) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"nothing answers at {url}; see {FOLDER / 's3.log'}")


def _call(url: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the API, with the password that ``up`` made; its database may be busy for a moment (503)."""
    data = None if body is None else json.dumps(body).encode()
    password = base64.b64encode(PASSWORD.read_bytes().strip()).decode()
    headers = {"Content-Type": "application/json", "Authorization": f"Basic {password}"}
    request = urllib.request.Request(url, data=data, headers=headers)
    for _ in range(20):
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 503:
                raise
            time.sleep(0.5)
    raise SystemExit(f"{url} stays busy")


@contextmanager
def _running(command: list[str], environment: dict[str, str], log: str) -> Iterator[None]:
    with (FOLDER / log).open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _say(text: str) -> None:
    sys.stdout.write(f"\n== {text}\n")
    sys.stdout.flush()


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
