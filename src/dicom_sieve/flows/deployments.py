"""Serving the flows: the deployments that consumers call, run by this process or by the workers of a work pool."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from prefect import Flow, serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.callables import ParameterSchema
from pydantic import BaseModel

from dicom_sieve.computations.registry import installed
from dicom_sieve.computations.segmentation import LUNG_SEGMENTATION
from dicom_sieve.contract.items import CRITERION_OR_MEASURE
from dicom_sieve.contract.parameters import ComputeParameters, Parameters, SegmentParameters
from dicom_sieve.flows import follow_up, heartbeats, polling, pools
from dicom_sieve.flows.automations import set_up
from dicom_sieve.flows.compute import compute_series_of_run, segment_series_of_run
from dicom_sieve.flows.follow_up import Following
from dicom_sieve.flows.names import DEPLOYMENT, SEGMENT
from dicom_sieve.flows.reach import check_named_server
from dicom_sieve.flows.screen import clean_dicom
from dicom_sieve.version import __version__


class ContractSchema(ParameterSchema, extra="allow"):
    """The contract as JSON Schema, in Prefect's form; unlike Prefect's own it refuses parameters that are not known."""


def contract_schema(parameters: type[BaseModel] = Parameters) -> ContractSchema:
    """Give what a request is held to before it becomes a run, and what the form is made of.

    The rules of a criterion's members stand in it once, not at each level: Prefect checks the whole with each request.
    """
    schema = _with_shared_rules(parameters.model_json_schema(ref_template="#/definitions/{model}"))
    shared = {"CriterionOrMeasure": CRITERION_OR_MEASURE} if "criteria" in schema["properties"] else {}
    return ContractSchema(definitions={**schema.pop("$defs"), **shared}, **schema)


def _with_shared_rules(schema: Any) -> Any:
    if schema == CRITERION_OR_MEASURE:
        return {"$ref": "#/definitions/CriterionOrMeasure"}
    if isinstance(schema, dict):
        return {name: _with_shared_rules(below) for name, below in schema.items()}
    return [_with_shared_rules(below) for below in schema] if isinstance(schema, list) else schema


def deployments(name: str = DEPLOYMENT, pool: str | None = None) -> list[RunnerDeployment]:
    """Describe the deployments: ``clean-dicom/default``, and those that compute, where there is something to compute.

    Args:
        name: Another name than ``default``.
        pool: The work pool whose workers run them; None: the process that serves them.
    """
    made = [_describe(clean_dicom, Parameters, name, pool)]
    if installed():
        made.append(_describe(compute_series_of_run, ComputeParameters, name, pool))
    if not LUNG_SEGMENTATION.missing_packages():
        made.append(_describe(segment_series_of_run, SegmentParameters, name, pool))
    return made


def _describe(flow: Flow[..., Any], parameters: type[BaseModel], name: str, pool: str | None) -> RunnerDeployment:
    made = flow.to_deployment(
        name=name,
        description=flow.description,
        version=__version__,
        tags=["dicom-sieve"],
        enforce_parameter_schema=True,
        entrypoint_type=EntrypointType.MODULE_PATH,
        work_pool_name=pool,
        job_variables=None if pool is None else {"env": heartbeats.ENVIRONMENT},
    )
    if not isinstance(made, RunnerDeployment):
        raise TypeError("serve from where no event loop runs")
    # From the signature Prefect would make a schema without titles, in which nothing is required.
    made._parameter_openapi_schema = contract_schema(parameters)
    return made


def serve_deployments(runs_in_flight: int, name: str = DEPLOYMENT, *, following: Sequence[Following] = ()) -> None:
    """Serve until stopped, against the server that ``PREFECT_API_URL`` names; runs that die are noticed there.

    Args:
        runs_in_flight: Runs at the same time; further ones wait.
        name: Of the deployments.
        following: What is computed after each run that completed; see `follow_up.read_following`.

    Raises:
        NoServerError: No server is named, or it does not answer.
        ServerPasswordError: It does not let us in.
    """
    check_named_server()
    served = deployments(name)
    _set_up_automations(served, following)
    with polling.that_goes_on():
        serve(
            *served,
            limit=runs_in_flight,
            print_starting_message=False,
            heartbeat_seconds=heartbeats.HEARTBEAT_SECONDS,
            pause_on_shutdown=False,  # the deployment may be another process's, too, or a pool's
        )


def deploy(pool: str, name: str = DEPLOYMENT, *, following: Sequence[Following] = ()) -> list[str]:
    """Leave the deployments on Prefect's server, for the workers of a work pool; what is there is brought up to date.

    Args:
        pool: Of workers; where there is none of this name, one for processes is made.
        name: Of the deployments.
        following: As for `serve_deployments`.

    Returns:
        The deployments' names, as ``clean-dicom/default``.

    Raises:
        NoServerError: There is no server to leave them on.
    """
    pools.set_up(pool)
    made = deployments(name, pool)
    _set_up_automations(made, following)
    for candidate in made:
        candidate.apply()
    return [candidate.full_name for candidate in made]


def _set_up_automations(made: Sequence[RunnerDeployment], following: Sequence[Following]) -> None:
    applied: dict[str, UUID] = {}
    for follow in following:
        if follow.flow not in applied:
            [deployment] = [candidate for candidate in made if candidate.flow_name == follow.flow]
            applied[follow.flow] = UUID(str(deployment.apply()))
        set_up(follow_up.describe_automation(follow, applied[follow.flow]))
    set_up(heartbeats.describe_automation())


def without_extra() -> str:
    """Say what is not served because packages are not installed; empty where all is."""
    missing = LUNG_SEGMENTATION.describe_missing()
    return f"{SEGMENT} is not served: {missing}" if missing else ""
