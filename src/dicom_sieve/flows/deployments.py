"""Serving the flow: the deployment that consumers call."""

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.callables import ParameterSchema

from dicom_sieve.flows.clean import DEPLOYMENT, clean_dicom
from dicom_sieve.flows.heartbeats import HEARTBEAT_SECONDS, set_up_automation
from dicom_sieve.flows.parameters import Parameters
from dicom_sieve.version import __version__


class ContractSchema(ParameterSchema, extra="allow"):
    """The contract as JSON Schema, in Prefect's form; unlike Prefect's own it refuses parameters that are not known."""


def contract_schema() -> ContractSchema:
    """Give what a request is held to before it becomes a run, and what the form is made of."""
    schema = Parameters.model_json_schema(ref_template="#/definitions/{model}")
    return ContractSchema(**{**schema, "definitions": schema.pop("$defs")})


def deployment(name: str = DEPLOYMENT) -> RunnerDeployment:
    """Describe the deployment ``clean-dicom/default``, or one of another name."""
    made = clean_dicom.to_deployment(
        name=name,
        description=clean_dicom.description,
        version=__version__,
        tags=["dicom-sieve"],
        enforce_parameter_schema=True,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    if not isinstance(made, RunnerDeployment):
        raise TypeError("serve from where no event loop runs")
    # From the signature Prefect would make a schema without titles, in which nothing is required.
    made._parameter_openapi_schema = contract_schema()
    return made


def serve_deployments(runs_in_flight: int, name: str = DEPLOYMENT) -> None:
    """Serve until stopped, against the server that ``PREFECT_API_URL`` names; runs that die are noticed there.

    Args:
        runs_in_flight: Runs at the same time; further ones wait.
        name: Of the deployment.
    """
    set_up_automation()
    serve(
        deployment(name),
        limit=runs_in_flight,
        print_starting_message=False,
        heartbeat_seconds=HEARTBEAT_SECONDS,
    )
