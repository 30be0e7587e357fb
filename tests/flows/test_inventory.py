"""An inventory that a run is asked to read in place of listing."""

from dicom_sieve.contract.read import read_request
from dicom_sieve.objects import Location
from dicom_sieve.stores import Inventory, Retries
from tests.flows import planted

PLACE = {"bucket": "challenge-tech", "region": "eu-west", "endpoint": "http://127.0.0.1:9", "credentials": "a:b"}


class TestAnInventoryThatIsAskedFor:
    def test_an_inventory_that_is_asked_for_is_of_the_input_and_read_from_its_server(self) -> None:
        uri = "s3://inventories/weekly/manifest.json"
        parameters = {"input_s3_parameters": {**PLACE, "inventory": uri}, "criteria": planted.IS_CT}

        inventory = read_request(parameters, Retries()).inventory

        assert isinstance(inventory, Inventory)
        assert inventory.location == Location("http://127.0.0.1:9", "challenge-tech")
        assert inventory.kept_in.location == Location("http://127.0.0.1:9", "inventories")
        assert inventory.key == "weekly/manifest.json"

    def test_an_inventory_that_is_asked_for_is_none_where_none_is_asked_for(self) -> None:
        assert read_request({"input_s3_parameters": PLACE, "criteria": planted.IS_CT}, Retries()).inventory is None
