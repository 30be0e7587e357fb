"""Work pools of Prefect's server: where runs wait until a worker, on whichever machine, takes them."""

from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL
from prefect.workers.process import ProcessWorker

from dicom_sieve.errors import NoServerError
from dicom_sieve.flows.reach import check_server


def set_up(name: str) -> None:
    """See to it that Prefect's server has a work pool of this name; one that is there is left as it is.

    Raises:
        NoServerError: No server is named, or it does not answer.
        ServerPasswordError: It does not let us in.
    """
    if PREFECT_API_URL.value() is None:  # Prefect would start one of its own, that ends with this process
        raise NoServerError("none is named")
    with get_client(sync_client=True) as client:
        check_server(client)
        try:
            client.read_work_pool(name)
        except ObjectNotFound:
            template = ProcessWorker.get_default_base_job_template()
            client.create_work_pool(WorkPoolCreate(name=name, type=ProcessWorker.type, base_job_template=template))
