"""Servers that are not Orthanc: those without pages, without counts, without limits; and what is noticed there."""

from collections.abc import Callable

import pytest

from dicom_sieve import Ledger
from dicom_sieve.stores.dicomweb import query
from dicom_sieve.stores.dicomweb.access import key_of
from tests.screening.screenings import screen_ct, verdicts
from tests.support.builders import make_instance
from tests.support.plain_pacs import PlainPacs

BEHAVIOURS: dict[str, dict[str, object]] = {
    "as the standard says": {},
    "without counts": {"counts": False},
    "pages of two": {"most_rows": 2},
    "pages of two, without counts": {"most_rows": 2, "counts": False},
    "all at once": {"takes_limit": False, "takes_offset": False, "counts": False},
    "all at once, as many as a page": {"takes_limit": False, "takes_offset": False, "counts": False, "pages": 7},
    "limits alone": {"takes_offset": False, "counts": False},
    "limits alone, with counts": {"takes_offset": False},
    "offsets alone": {"takes_limit": False, "counts": False},
    "no such field as all": {"lists_all": False},
}


def fill(pacs: PlainPacs) -> list[str]:
    """Store 7 instances in each of 7 series of 7 studies, but few in some; give their keys in order."""
    keys = []
    for study in range(7):
        for series in range(7 if study == 1 else 1):
            for number in range(7 if study < 2 else 1):
                uids = (f"1.{study}", f"1.{study}.{series}", f"1.{study}.{series}.{number}")
                pacs.put(
                    make_instance(
                        StudyInstanceUID=uids[0], series_instance_uid=uids[1], SOPInstanceUID=uids[2], Modality="CT"
                    )
                )
                keys.append(key_of(*uids))
    return sorted(keys)


class TestPages:
    @pytest.mark.parametrize("behaviour", BEHAVIOURS)
    def test_every_instance_is_listed_once_in_order(
        self, plain: PlainPacs, behaviour: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keys, knobs = fill(plain), dict(BEHAVIOURS[behaviour])
        monkeypatch.setattr(query, "PAGE_ROWS", knobs.pop("pages", 3))
        for name, value in knobs.items():
            setattr(plain, name, value)

        assert [info.key for info in plain.store().list()] == keys

    def test_a_study_and_a_series_alone(self, plain: PlainPacs) -> None:
        keys = fill(plain)

        of_study = [key for key in keys if key.startswith("studies/1.1/")]
        assert [info.key for info in plain.store("studies/1.1/").list()] == of_study
        assert len(list(plain.store("studies/1.1/series/1.1.3/").list())) == 7
        assert list(plain.store("studies/1/").list()) == []

    def test_an_empty_pacs(self, plain: PlainPacs) -> None:
        assert list(plain.store().list()) == []


CT = {"StudyInstanceUID": "1.1", "series_instance_uid": "1.2", "SOPInstanceUID": "1.3", "Modality": "CT"}


class TestWhatIsNoticed:
    def put(self, pacs: PlainPacs, **attributes: str) -> None:
        pacs.put(make_instance(**{**CT, **attributes}))  # type: ignore[arg-type]

    def screen_twice(
        self, pacs: PlainPacs, ledger: Ledger, change: Callable[[], None], *, by_metadata: bool
    ) -> list[str]:
        """Screen, change something, and screen again; give the metadata that the second run read."""
        store = pacs.store(by_metadata=by_metadata)
        screen_ct(store, ledger, "first")
        change()
        pacs.requests.clear()
        screen_ct(store, ledger, "second")
        return [path for path in pacs.requests if path.endswith("/metadata")]

    @pytest.mark.parametrize("by_metadata", [False, True])
    def test_nothing_where_nothing_changed(self, plain: PlainPacs, ledger: Ledger, *, by_metadata: bool) -> None:
        self.put(plain)
        self.put(plain, series_instance_uid="1.4", SOPInstanceUID="1.5")

        read = self.screen_twice(plain, ledger, lambda: None, by_metadata=by_metadata)

        assert len(read) == (2 if by_metadata else 0)
        assert verdicts(ledger, "second") == verdicts(ledger, "first")

    def test_a_change_of_what_is_listed(self, plain: PlainPacs, ledger: Ledger) -> None:
        self.put(plain)

        assert self.screen_twice(plain, ledger, lambda: self.put(plain, Modality="MR"), by_metadata=False)

        assert [verdict for verdict, _ in verdicts(ledger, "second").values()] == ["DISCARDED"]

    def test_an_instance_more_reads_its_series_alone(self, plain: PlainPacs, ledger: Ledger) -> None:
        self.put(plain)
        self.put(plain, series_instance_uid="1.4", SOPInstanceUID="1.5")

        read = self.screen_twice(plain, ledger, lambda: self.put(plain, SOPInstanceUID="1.6"), by_metadata=False)

        assert [path.split("/")[-2] for path in read] == ["1.2"]
        assert len(verdicts(ledger, "second")) == 3

    def test_a_change_of_what_is_not_listed_by_the_metadata_alone(self, plain: PlainPacs, ledger: Ledger) -> None:
        plain.lists_all = False
        self.put(plain, PatientAge="018Y")

        def change() -> None:
            self.put(plain, PatientAge="019Y")

        assert not self.screen_twice(plain, ledger, change, by_metadata=False)
        assert screen_ct(plain.store(by_metadata=True), ledger, "third").counts["added"] == 1
