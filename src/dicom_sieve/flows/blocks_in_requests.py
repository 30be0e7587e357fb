"""From the parameters of a flow run to a request: what Prefect keeps for it is found first."""

from typing import Any

from prefect.settings import PREFECT_API_URL
from prefect_aws import AwsCredentials

from dicom_sieve.contract.credentials import NotFound, SavedCredentials, SavedSecret
from dicom_sieve.contract.parameters import ANY_INPUT, RawParameters
from dicom_sieve.contract.read import HOLDERS
from dicom_sieve.contract.read_location import as_mapping
from dicom_sieve.flows.blocks import load_block, load_secret, saved_block
from dicom_sieve.settings import Settings
from dicom_sieve.stores import EndpointRules


def rules_of(settings: Settings) -> EndpointRules:
    """Say which endpoints requests may name: never Prefect's server, nor the ledger's."""
    return EndpointRules.from_settings(settings, PREFECT_API_URL.value())


def with_blocks(parameters: RawParameters) -> RawParameters:
    """Put the credentials that blocks keep in place of references to them, or what is wrong with a reference.

    Args:
        parameters: As they were given; they stay as they are.
    """
    found = {name: as_mapping(parameters.get(name)) for name in HOLDERS}
    return {
        **parameters,
        **{
            name: _with_block(location, takes_secrets=name == ANY_INPUT)
            for name, location in found.items()
            if location is not None
        },
    }


def _with_block(location: dict[str, Any], *, takes_secrets: bool) -> dict[str, Any]:
    if "credentials" not in location:
        return location
    return {**location, "credentials": _find_block(location["credentials"], takes_secrets=takes_secrets)}


def _find_block(given: Any, *, takes_secrets: bool) -> SavedCredentials | SavedSecret | NotFound | Any:
    if isinstance(given, AwsCredentials):
        return saved_block(given)
    if isinstance(given, dict) and set(given) == {"$ref"}:
        return (load_secret if takes_secrets else load_block)(given["$ref"])
    return given
