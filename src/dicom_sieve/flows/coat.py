"""What every flow does around its work: credentials out of Prefect first, and an end that is told in our words."""

import os
from collections.abc import Callable
from logging import Logger, LoggerAdapter
from typing import Any, TypeAlias

from prefect import get_run_logger
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.states import Failed

from dicom_sieve.errors import DicomSieveError, LedgerError
from dicom_sieve.flows.parameters import RawParameters
from dicom_sieve.flows.redaction import STORED_IN_CLEAR, has_secret, only_our_words, redact_stored, refuse_spent
from dicom_sieve.flows.schedules import refuse_secret
from dicom_sieve.settings import find_unknown
from dicom_sieve.stores.s3_clients import silence_wire_logs

RunLogger: TypeAlias = "Logger | LoggerAdapter[Any]"


def in_coat(given: RawParameters, work: Callable[[str, RunLogger], State[None]]) -> State[None]:
    """Do a flow's work.

    Args:
        given: The flow's parameters, as they came. They are checked in the work: were one required or checked by
            Prefect, then Prefect would refuse it, and its refusal would log all of them with the credentials.
        work: Is given the flow run's id and logger; gives the state to end in.
    """
    silence_wire_logs()
    logger = get_run_logger()
    for sentence in find_unknown(os.environ):
        logger.warning("%s", sentence)
    try:
        with only_our_words(logger):
            context = FlowRunContext.get()
            if context is None or context.flow_run is None:
                raise LedgerError("the flow has no flow run: where there is no Prefect, call what it calls")
            if has_secret(context.flow_run.parameters):
                logger.warning("%s", STORED_IN_CLEAR)
            redact_stored(context.flow_run.id, context.flow_run.parameters)
            refuse_secret(context.flow_run)
            refuse_spent(given)
            return work(str(context.flow_run.id), logger)
    except DicomSieveError as error:
        # Returned rather than raised: what to do stands in the words, and nothing in a traceback.
        logger.error("%s", error)  # noqa: TRY400
        return Failed(message=str(error))
