"""The demo on servers: S3, Prefect, and one run over REST as the consumer starts it."""

import base64
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dicom_sieve.computations.kind import Kind
from dicom_sieve.demo import ACCESS_KEY, BUCKET, CRITERIA, KEY_ID, OUTPUT_BUCKET, PARAMETERS, REGION
from dicom_sieve.demo.bucket import objects
from dicom_sieve.errors import DicomSieveError

SECONDS_TO_START = 120
SECONDS_TO_ANSWER = 30
ENDED = {"COMPLETED", "FAILED", "CRASHED", "CANCELLED"}
Say = Callable[[str], None]


class DemoError(DicomSieveError):
    """A demo that cannot go on, with where to look."""

    def __init__(self, message: str) -> None:
        super().__init__(message)


class Servers:
    """The demo's servers in a folder.

    Args:
        folder: Where all of it is kept.
        environment: Of every process; the ledger's address is in it.
        computing: What is computed on what passed, each when the one before it has ended.
    """

    def __init__(self, folder: Path, environment: Mapping[str, str], computing: Sequence[Kind]) -> None:
        self._folder = folder
        self._computing = computing
        s3_port, self._port, self._web_port = _free_ports(3)
        self.s3, self.prefect = f"http://127.0.0.1:{s3_port}", f"http://127.0.0.1:{self._port}"
        self.pages = f"http://127.0.0.1:{self._web_port}"
        self._api = Api(f"{self.prefect}/api", folder / "prefect" / "api-password", folder / "prefect.log")
        self._environment = {
            **environment,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_RUNNER_POLL_FREQUENCY": "2",  # seconds; Prefect's 10 would be waited for twice
            "AWS_ACCESS_KEY_ID": KEY_ID,  # of what follows a run: its credentials are not stored
            "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
            "DICOM_SIEVE_DEFAULT_CHAIN_ENDPOINTS": self.s3.partition("://")[2],
        }

    @contextmanager
    def running(self) -> Iterator[None]:
        """Start both, and stop them in the end; what they print is in files."""
        s3_port = self.s3.rpartition(":")[2]
        s3 = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", s3_port]
        ports = ["--port", str(self._port), "--web-port", str(self._web_port)]  # one more may be that of S3
        up = [sys.executable, "-m", "dicom_sieve", "up", *ports]
        if self._computing:
            places = {
                "input_s3_parameters": self._location(BUCKET),
                "output_s3_parameters": self._location(OUTPUT_BUCKET),
            }
            before: dict[str, Any] = {}
            for kind in self._computing:
                then = self._folder / f"then-{kind.name}.json"
                then.write_text(json.dumps({**places, "parameters": PARAMETERS.get(kind.name, {}), **before}))
                up += ["--then", f"{kind.name}={then}"]
                before = {"after": kind.name}
        with (
            _running(s3, self._environment, self._folder / "s3.log"),
            _running(up, self._environment, self._folder / "prefect.log") as self._api.process,
        ):
            yield

    def screen(self, say: Say) -> str:
        """Fill the bucket, start a run over REST, wait for it and for what follows it; gives its id."""
        _wait_until_answering(self.s3, self._folder / "s3.log")
        say(f"bucket {BUCKET} holds {_fill(self.s3)} objects; waiting for Prefect at {self.prefect}")
        deployment = self._api.wait_for_deployment()
        places = {
            "input_s3_parameters": {**self._location(BUCKET), "credentials": f"{KEY_ID}:{ACCESS_KEY}"},
            "output_s3_parameters": {**self._location(OUTPUT_BUCKET), "credentials": f"{KEY_ID}:{ACCESS_KEY}"},
        }
        run = self._start(deployment, {"criteria": CRITERIA, **places}, say)
        for kind in self._computing:
            say(f"the event of its end starts compute-series {kind.name}: {kind.description}")
            say(self._api.wait_for_end(self._api.wait_for_following(run, kind.name)))
        return run

    def _start(self, deployment: str, parameters: Mapping[str, Any], say: Say) -> str:
        """Start a run over REST as a consumer does, and wait for its end; gives its id."""
        say(f"POST {self.prefect}/api/deployments/{deployment}/create_flow_run")
        say(json.dumps({"parameters": parameters}).replace(f"{KEY_ID}:{ACCESS_KEY}", "key_id:access_key"))
        asked = {"parameters": parameters, "idempotency_key": str(uuid.uuid4())}
        run = str(self._api.call(f"deployments/{deployment}/create_flow_run", asked)["id"])
        say(self._api.wait_for_end(run))
        return run

    def links(self, run: str) -> list[str]:
        """Say where the running servers show a run, and what opens them."""
        password = self._folder / "prefect" / "api-password"
        return [
            f"the run        {self.prefect}/v2/runs/flow-run/{run}",
            f"pages          {self.pages}",
            f"the password   cat {password}",
            f"S3             {self.s3} ({KEY_ID}:{ACCESS_KEY})",
        ]

    def _location(self, bucket: str) -> dict[str, str]:
        return {"endpoint": self.s3, "bucket": bucket, "region": REGION}


class Api:
    """Prefect's API, as a program with the password calls it.

    Args:
        url: Of the API.
        password: The file that ``up`` keeps it in.
        log: What ``up`` prints, for who looks for a fault.
    """

    def __init__(self, url: str, password: Path, log: Path) -> None:
        self._url, self._password, self._log = url, password, log
        self.process: subprocess.Popen[bytes] | None = None

    def wait_for_deployment(self) -> str:
        """Wait until runs can be started; gives the deployment's id."""
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end:
            try:
                return str(self.call("deployments/name/clean-dicom/default")["id"])
            except OSError:
                if self.process is not None and self.process.poll() is not None:
                    raise DemoError(f"'dicom-sieve up' ended; see {self._log}") from None
                time.sleep(0.3)
        raise DemoError(f"the deployment was not served within {SECONDS_TO_START} s; see {self._log}")

    def wait_for_following(self, run: str, computation: str) -> str:
        """Wait for the flow run of a computation that an automation starts; gives its id."""
        end = time.monotonic() + SECONDS_TO_START
        while time.monotonic() < end:
            for following in self.call("flow_runs/filter", {"flows": {"name": {"any_": ["compute-series"]}}}):
                asked = following["parameters"]
                if (asked["run_id"], asked["computation"]) == (run, computation):
                    return str(following["id"])
            time.sleep(0.3)
        raise DemoError(f"nothing followed the run; see {self._log}")

    def wait_for_end(self, run: str) -> str:
        """Wait until a flow run has ended; gives its state in a sentence."""
        while True:
            state = self.call(f"flow_runs/{run}")["state"]
            if state["type"] == "COMPLETED":
                return f"flow run {run}: {state['name']}: {state['message']}"
            if state["type"] in ENDED:
                raise DemoError(f"flow run {run} did not complete: {state['message']}; see {self._log}")
            time.sleep(0.3)

    def call(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """Ask, with the password that ``up`` made, and again where Prefect is too busy to answer (503, or nothing).

        What is asked must be such that to ask it twice does no harm.
        """
        data = None if body is None else json.dumps(body).encode()
        password = base64.b64encode(self._password.read_bytes().strip()).decode()
        headers = {"Content-Type": "application/json", "Authorization": f"Basic {password}"}
        request = urllib.request.Request(f"{self._url}/{path}", data=data, headers=headers)  # noqa: S310 - our own server
        for _ in range(20):
            try:
                with urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER) as answer:  # noqa: S310 - our own server
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
                time.sleep(0.5)
            except TimeoutError:
                continue
        raise DemoError(f"Prefect stays busy; see {self._log}")


def _fill(endpoint: str) -> int:
    import boto3  # noqa: PLC0415 - slow to import

    client: Any = boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=ACCESS_KEY,
    )
    for bucket in (BUCKET, OUTPUT_BUCKET):
        client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    count = 0
    for key, body in objects():
        client.put_object(Bucket=BUCKET, Key=key, Body=body)
        count += 1
    return count


def _wait_until_answering(url: str, log: Path) -> None:
    end = time.monotonic() + SECONDS_TO_START
    while time.monotonic() < end:
        try:
            urllib.request.urlopen(url, timeout=5).close()  # noqa: S310 - our own server
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise DemoError(f"nothing answers at {url}; see {log}")


@contextmanager
def _running(command: list[str], environment: Mapping[str, str], log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - made here
            command, env=dict(environment), stdout=output, stderr=subprocess.STDOUT, start_new_session=True
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for opened in sockets:
        opened.bind(("127.0.0.1", 0))
    ports = [opened.getsockname()[1] for opened in sockets]
    for opened in sockets:
        opened.close()
    return ports
