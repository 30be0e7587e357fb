"""The files that say how the image is built and run: held to the schemas that their programs publish, and to ours."""

import json
import re
import shutil
import stat
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from dicom_sieve.settings import Settings
from tests.conftest import not_present

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = DEPLOY / "compose.yaml"
SECRETS = ("api-password", "encryption-key", "ledger-url", "postgres-password", "prefect-url")
KUBERNETES = ("1.34", "1.35", "1.36", "1.37")
ROLES = ("prefect", "web", "worker")


def _services() -> dict[str, Any]:
    services: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
    return services


def _problems_of(text: str) -> list[str]:
    """Hold a file to the schema of the Compose Specification, as the package check-jsonschema ships it."""
    schema = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text())
    return [error.message for error in Draft202012Validator(schema).iter_errors(yaml.safe_load(text))]


@pytest.fixture(scope="module")
def manifests() -> list[dict[str, Any]]:
    """What ``kubectl apply --kustomize`` would send."""
    if shutil.which("kubectl") is None:
        not_present("kubectl", "scripts/install_real_servers.sh installs it")
    rendered = subprocess.run(
        ["kubectl", "kustomize", str(DEPLOY / "kubernetes")], check=True, capture_output=True, text=True
    )
    return list(yaml.safe_load_all(rendered.stdout))


def _pods(manifests: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each["spec"]["template"] for each in manifests if each["kind"] == "Deployment"}


def _containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


class TestTheDockerfile:
    def test_the_linter_has_nothing_to_say(self) -> None:
        linter = Path(sys.executable).with_name("hadolint")
        done = subprocess.run([linter, DEPLOY / "Dockerfile"], check=False, capture_output=True, text=True)

        assert (done.returncode, done.stdout) == (0, "")

    def test_all_that_python_runs_is_installed_by_hashes(self) -> None:
        text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", "")
        installs = re.findall(r"pip\b[^&\n]* install [^&\n]*", text)

        assert len(installs) == 3
        assert all("--require-hashes" in install or "--no-index" in install for install in installs)

    def test_every_setting_that_is_secret_may_come_in_a_file(self) -> None:
        script = (DEPLOY / "image" / "with-secrets").read_text()
        secret = {name for name, field in Settings.model_fields.items() if field.annotation is SecretStr}

        assert secret
        assert not [name for name in secret if f"DICOM_SIEVE_{name.upper()}" not in script]


class TestCompose:
    def test_it_is_as_the_specification_says(self) -> None:
        assert _problems_of(COMPOSE.read_text()) == []

    def test_the_schema_finds_what_is_misspelt(self) -> None:
        [problem] = _problems_of(COMPOSE.read_text().replace("healthcheck:", "healthchek:", 1))

        assert "'healthchek' was unexpected" in problem

    @pytest.mark.parametrize("name", [*ROLES, "deployments", "postgres", "s3"])
    def test_each_service_has_no_rights_and_a_read_only_root(self, name: str) -> None:
        service = _services()[name]

        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert "cap_add" not in service
        assert "privileged" not in service
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["user"] not in {"root", "0", "0:0"}
        assert "healthcheck" in service or name == "deployments"

    def test_nothing_listens_but_on_loopback(self) -> None:
        ports = {name: service.get("ports", []) for name, service in _services().items()}

        assert all(port.startswith("127.0.0.1:") for listed in ports.values() for port in listed)
        assert ports["postgres"] == ports["worker"] == []

    def test_images_of_others_have_a_version(self) -> None:
        images = {name: service["image"] for name, service in _services().items()}

        assert re.fullmatch(r"docker\.io/library/postgres:\d+\.\d+", images["postgres"])
        assert re.fullmatch(r"docker\.io/motoserver/moto:\d+\.\d+\.\d+", images["s3"])
        assert {images[name] for name in (*ROLES, "deployments")} == {"${DICOM_SIEVE_IMAGE:-dicom-sieve}"}

    def test_secrets_are_files_that_the_script_makes_once(self, tmp_path: Path) -> None:
        script = shutil.copy(DEPLOY / "make_secrets.sh", tmp_path)
        subprocess.run([script], check=True, capture_output=True)
        folder = tmp_path / "secrets"
        made = {file.name: file.read_text() for file in folder.iterdir()}
        subprocess.run([script, "another"], check=True, capture_output=True)

        named = yaml.safe_load(COMPOSE.read_text())["secrets"]
        assert {f"secrets/{name}" for name in made} == {secret["file"] for secret in named.values()}
        assert set(made) == set(SECRETS)
        assert made == {file.name: file.read_text() for file in folder.iterdir()}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        password = made["postgres-password"]
        assert made["ledger-url"] == f"postgresql://sieve:{password}@postgres/ledger"
        assert re.fullmatch(r"dicom-sieve:[\w=-]{32}", made["api-password"])

    def test_no_secret_is_in_the_file(self) -> None:
        for service in _services().values():
            named = [name for name in service.get("environment", {}) if re.search("PASSWORD|KEY|AUTH|_URL", name)]
            assert all(name.endswith("_FILE") or name == "PREFECT_API_URL" for name in named)


class TestKubernetes:
    @pytest.mark.parametrize("version", KUBERNETES)
    def test_it_is_as_the_api_says(self, manifests: list[dict[str, Any]], version: str) -> None:
        for manifest in manifests:
            kubernetes_validate.validate(manifest, version, strict=True)

    def test_the_schema_finds_what_is_misspelt(self, manifests: list[dict[str, Any]]) -> None:
        wrong = yaml.safe_load(yaml.safe_dump(manifests[-1]).replace("readOnlyRootFilesystem", "readonlyRoot"))

        with pytest.raises(kubernetes_validate.ValidationError):
            kubernetes_validate.validate(wrong, KUBERNETES[-1], strict=True)

    def test_it_holds_no_secret(self, manifests: list[dict[str, Any]]) -> None:
        assert "Secret" not in {manifest["kind"] for manifest in manifests}
        variables = [
            variable
            for pod in _pods(manifests).values()
            for container in _containers(pod)
            for variable in container["env"]
        ]
        plain = {variable["name"] for variable in variables if "value" in variable}
        keys = {variable["valueFrom"]["secretKeyRef"]["key"] for variable in variables if "valueFrom" in variable}
        assert plain == {"PREFECT_API_URL", "PREFECT_HOME"}
        assert keys == set(SECRETS) - {"postgres-password"}

    @pytest.mark.parametrize("name", ROLES)
    def test_each_pod_is_as_the_restricted_standard_wants_it(self, manifests: list[dict[str, Any]], name: str) -> None:
        pod = _pods(manifests)[name]

        context = pod["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is False
        for container in _containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert [mount["mountPath"] for mount in container["volumeMounts"]] == ["/tmp"]

    def test_the_pages_are_asked_whether_they_live_and_are_ready(self, manifests: list[dict[str, Any]]) -> None:
        pod = _pods(manifests)["web"]
        [pages] = pod["spec"]["containers"]

        assert pages["livenessProbe"]["httpGet"]["path"] == "/health/live"
        assert pages["readinessProbe"]["httpGet"]["path"] == "/health/ready"
        assert pod["metadata"]["annotations"] == {
            "prometheus.io/scrape": "true",
            "prometheus.io/port": "4201",
            "prometheus.io/path": "/metrics",
        }

    @pytest.mark.parametrize("name", ROLES)
    def test_a_role_is_the_same_command_as_in_compose(self, manifests: list[dict[str, Any]], name: str) -> None:
        [container] = _pods(manifests)[name]["spec"]["containers"]

        assert container["args"] == _services()[name]["command"]
