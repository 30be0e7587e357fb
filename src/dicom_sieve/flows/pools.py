"""Work pools of Prefect's server: where runs wait until a worker, on whichever machine, takes them."""

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.workers.process import ProcessWorker

from dicom_sieve.flows.reach import check_named_server


def set_up(name: str) -> None:
    """Ensure that Prefect's server has a work pool of this name; one that is there is left as it is.

    Raises:
        NoServerError: No server is named, or it does not answer.
        ServerPasswordError: It does not let us in.
    """
    check_named_server()
    with get_client(sync_client=True) as client:
        try:
            client.read_work_pool(name)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template))
