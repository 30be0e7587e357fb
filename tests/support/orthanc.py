"""Orthanc, a PACS, as a process of its own: on a loopback port, with a configuration and a storage of its own."""

import json
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import requests

from dicom_sieve.objects import Location
from dicom_sieve.stores.dicomweb.access import DicomWebAccess, HttpCredentials
from dicom_sieve.stores.dicomweb.store import DicomWebStore
from dicom_sieve.stores.endpoints import EndpointRules
from dicom_sieve.stores.retries import Retries

PLUGIN = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
USER, PASSWORD = "sieve", "orthanc-secret"
STARTS_WITHIN_SECONDS = 60
AT_ONCE = Retries(first_pause_seconds=0.0)
ANYWHERE = EndpointRules()


def available() -> str | None:
    """Say what is missing; None where nothing is."""
    if shutil.which("Orthanc") is None:
        return "Orthanc is not installed; scripts/install_real_servers.sh"
    return None if PLUGIN.is_file() else "its DICOMweb plugin is not installed; scripts/install_real_servers.sh"


class Orthanc:
    """A running Orthanc.

    Args:
        folder: For its configuration, its log and what it stores.
    """

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.root = f"http://127.0.0.1:{self.port}"
        self.session = requests.Session()
        self.session.auth = (USER, PASSWORD)
        (folder / "storage").mkdir()
        configuration = folder / "orthanc.json"
        configuration.write_text(json.dumps(self._configuration(folder / "storage")))
        self._log = (folder / "log").open("wb")
        self._process = subprocess.Popen(["Orthanc", configuration], stdout=self._log, stderr=self._log)
        self._wait()

    def put(self, data: bytes) -> bool:
        """Store an instance in place of one with its UIDs; False where Orthanc takes it for none."""
        return self.session.post(f"{self.root}/instances", data=data, timeout=60).ok

    def delete(self, instance_uid: str) -> None:
        """Delete an instance."""
        for name in self.find("Instance", SOPInstanceUID=instance_uid):
            self.session.delete(f"{self.root}/instances/{name}", timeout=60).raise_for_status()

    def empty(self) -> None:
        """Delete all instances."""
        for name in self.session.get(f"{self.root}/patients", timeout=60).json():
            self.session.delete(f"{self.root}/patients/{name}", timeout=60).raise_for_status()

    def find(self, level: str, **query: str) -> Any:
        """Give Orthanc's own names of what it finds."""
        answer = self.session.post(f"{self.root}/tools/find", json={"Level": level, "Query": query}, timeout=60)
        return answer.json()

    def store(self, prefix: str = "", *, root: str | None = None, rules: EndpointRules = ANYWHERE) -> DicomWebStore:
        """Give it as a store; over a proxy, where the root of one is given."""
        url = f"{root or self.root}/dicom-web"
        scheme, _, bucket = url.partition("://")
        credentials = HttpCredentials.parse(f"{USER}:{PASSWORD}")
        access = DicomWebAccess(url, credentials, AT_ONCE, rules)
        return DicomWebStore(access, Location(f"dicomweb+{scheme}:", bucket, prefix))

    def stop(self) -> None:
        """End the process, and wait for its end."""
        self._process.terminate()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self.session.close()

    def _configuration(self, storage: Path) -> dict[str, Any]:
        return {
            "Name": "tests",
            "StorageDirectory": str(storage),
            "IndexDirectory": str(storage),
            "HttpPort": self.port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": True,
            "RegisteredUsers": {USER: PASSWORD},
            "DicomServerEnabled": False,
            "OverwriteInstances": True,
            "SaveJobs": False,
            "Plugins": [str(PLUGIN)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        }

    def _wait(self) -> None:
        until = time.monotonic() + STARTS_WITHIN_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                if self.session.get(f"{self.root}/system", timeout=5).ok:
                    return
            except requests.ConnectionError:
                time.sleep(0.1)
        self.stop()
        raise RuntimeError("Orthanc did not start; its log tells why")
