"""Criteria by name over REST: the run records the version, and what is not there fails before anything is asked."""

import pytest

from dicom_sieve import Ledger
from dicom_sieve.criteria.named import NamedCriteria
from dicom_sieve.criteria.reading import load_criteria
from dicom_sieve.ledger.writing.named_criteria import save_criteria
from tests.conftest import S3Server
from tests.flows import planted
from tests.flows.results import result_of
from tests.flows.s3_proxy import S3Proxy
from tests.support.prefect_server import PrefectServer

NAME = "one-modality"
IS_MR = [{**planted.IS_CT[0], "reference": "MR"}]


@pytest.fixture(scope="module")
def asked(moto_server: S3Server, moto_bucket: str) -> dict[str, object]:
    """A request without criteria."""
    return {"input_s3_parameters": planted.location(moto_server.endpoint, moto_bucket)}


@pytest.fixture
def kept(served_ledger: Ledger) -> Ledger:
    """Two versions: CT, MR."""
    if not any(row.criteria_name == NAME for row in served_ledger.runs()):
        for criteria in (planted.IS_CT, IS_MR):
            save_criteria(served_ledger.engine, NAME, load_criteria(criteria))
    return served_ledger


@pytest.mark.timeout(300)
def test_a_run_by_name_uses_a_version_or_the_newest_and_records_which(
    prefect: PrefectServer, kept: Ledger, asked: dict[str, object]
) -> None:
    first = prefect.start({**asked, "criteria": {"name": NAME, "version": 1}})
    newest = prefect.start({**asked, "criteria": {"name": NAME}})
    preview = prefect.start({**asked, "criteria": {"name": NAME, "version": None}, "preview": True})

    assert prefect.state(first)[1].startswith("2 of 3 instances passed")
    assert prefect.state(newest)[1].startswith("1 of 3 instances passed")
    assert prefect.state(preview)[1].startswith("Preview: 1 of 3 instances would pass")
    assert kept.run(first).row.named == NamedCriteria(NAME, 1)
    assert kept.run(newest).row.named == NamedCriteria(NAME, 2)
    assert kept.run(first).row.criteria == planted.IS_CT
    assert [result_of(prefect, run)["criteria"] for run in (first, newest, preview)] == [
        {"name": NAME, "version": version} for version in (1, 2, 2)
    ]


@pytest.mark.timeout(300)
def test_a_name_that_is_not_there_fails_the_run_before_anything_is_asked(
    prefect: PrefectServer, kept: Ledger, proxy: S3Proxy, moto_bucket: str
) -> None:
    place = {"input_s3_parameters": planted.location(proxy.endpoint, moto_bucket)}
    wrong = {"name": "a b", "version": 0, "note": "x"}
    runs = {
        "name": prefect.start({**place, "criteria": {"name": "one-modalit"}}),
        "version": prefect.start({**place, "criteria": {"name": NAME, "version": 9}, "preview": True}),
        "members": prefect.start({**place, "criteria": wrong}, enforce_parameter_schema=False),
        "letters": prefect.start({**place, "criteria": {"name": "a b"}}, enforce_parameter_schema=False),
    }

    ended = {name: prefect.state(run) for name, run in runs.items()}

    assert {state for state, _ in ended.values()} == {"Failed"}
    assert ended["name"][1] == (
        f"no criteria 'one-modalit' in this ledger, perhaps '{NAME}'; 'dicom-sieve criteria list' lists them"
    )
    assert ended["version"][1] == f"criteria '{NAME}' have no version 9 in this ledger; accepted: 1 to 2"
    assert [line.partition(": ")[0] for line in ended["members"][1].splitlines()] == ["criteria.version", "criteria"]
    assert ended["letters"][1].startswith("criteria.name: 'a b' is no name of criteria; accepted: ")
    assert proxy.requests == []
    assert not {row.id for row in kept.runs()} & set(runs.values())
