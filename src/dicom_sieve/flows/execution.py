"""One flow run under way, as all that surrounds its work knows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from logging import Logger, LoggerAdapter
from typing import Any, TypeAlias

from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.screening.divide import DividedOutcome
from dicom_sieve.stores import S3Store

RunLogger: TypeAlias = "Logger | LoggerAdapter[Any]"


@dataclass
class Execution:
    """What is known of it so far.

    Attributes:
        flow_run_id: Of the flow run.
        logger: The flow run's.
        output: Where it publishes; None: nowhere, or not known yet.
        computation: Id of its computation in the ledger; None: none yet.
        computed_run: The run that it computes on; None likewise.
        is_preview: Whether it only tells what a run would say.
        counts: Of a preview; None: of a run the ledger has them.
        named: What the criteria were saved as; None: nothing, or not known yet.
        divided: What came of the parts of a divided run; None: it is not divided, or that is not known yet.
    """

    flow_run_id: str
    logger: RunLogger = field(repr=False)
    output: S3Store | None = None
    computation: int | None = None
    computed_run: str | None = None
    is_preview: bool = False
    counts: Mapping[str, Any] | None = None
    named: NamedCriteria | None = None
    divided: DividedOutcome | None = None
