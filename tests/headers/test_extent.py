"""How far a header can be trusted, in words and in digests."""

import pytest

from dicom_sieve.criteria import Criterion, Damaged, compile_criteria
from dicom_sieve.headers import Damage, Defect, Extent, Header

ASKED = compile_criteria(
    [
        Criterion.model_validate({"dicom_tag": tag, "operation": "EQUALS", "reference": reference})
        for tag, reference in ((("0010", "1010"), "045Y"), (("0008", "0060"), "CT"), (("0008", "0060"), "MR"))
    ]
)
CT = {"00080060": ("CT",), "00101010": ("045Y",)}
TAG = "(0008,0060)"
DAMAGED = "The object is DICOM, but damaged"
SECRET = b"of one ledger"
DIGEST = "8a29ba0a017a823e6e86e0ebb59d000cbb83a9ed4c6cd3809507f88103cc3038"
"""Of canonical JSON, written by hand."""


class TestTheReason:
    @pytest.mark.parametrize(
        ("damage", "unreadable_from", "attributes", "said"),
        [
            (Damage.CUT, "00280010", CT, " at or behind (0028,0010) (cut short); all that was asked lies before it"),
            (
                Damage.CONTRADICTORY,
                "00280010",
                CT,
                " at or behind (0028,0010) (its bytes contradict themselves); all that was asked lies before it",
            ),
            (
                Damage.CUT,
                "00100020",
                {"00080060": ("CT",)},
                " at or behind (0010,0020) (cut short); PatientAge (0010,1010) may lie behind it",
            ),
            (
                Damage.CUT,
                "00080060",
                {},
                f" at or behind {TAG} (cut short); Modality {TAG} and PatientAge (0010,1010) may lie behind it",
            ),
            (
                Damage.REPEATED,
                "00080060",
                CT,
                " at (0008,0060) (there twice, with different values); Modality (0008,0060) may lie behind it",
            ),
            (Damage.CUT, "00110000", {}, " at or behind (0011,0000) (cut short); all that was asked lies before it"),
            (Damage.CUT, "00000000", CT, " (cut short); all that was asked lies before it"),
            (Damage.CUT, None, {}, " (cut short); all that was asked lies before it"),
        ],
    )
    def test_the_reason_says_where_the_damage_is_and_whether_all_that_was_asked_lies_before_it(
        self, damage: Damage, unreadable_from: str | None, attributes: dict[str, tuple[str, ...]], said: str
    ) -> None:
        assert Extent(Defect.CORRUPT, damage, unreadable_from).describe(ASKED, attributes) == DAMAGED + said

    def test_the_reason_says_nothing_of_criteria_where_there_are_none(self) -> None:
        assert (
            Extent(Defect.CORRUPT, Damage.CUT, "00280010").describe((), {})
            == f"{DAMAGED} at or behind (0028,0010) (cut short)"
        )

    @pytest.mark.parametrize("defect", Defect)
    def test_the_reason_is_the_defect_s_where_no_damage_is_known(self, defect: Defect) -> None:
        assert Extent(defect).describe(ASKED, CT) == defect.describe()

    @pytest.mark.parametrize("damage", Damage)
    def test_every_damage_has_its_clause(self, damage: Damage) -> None:
        assert damage.describe()


class TestJudging:
    def test_judging_is_done_of_damaged_objects_only_where_a_run_says_so(self) -> None:
        damaged = Extent(Defect.CORRUPT, Damage.CUT, "00280010")

        assert not damaged.is_judged(Damaged.DISCARD)
        assert damaged.is_judged(Damaged.JUDGE)

    def test_judging_is_never_done_without_a_series_or_where_damage_is_not_known(self) -> None:
        for extent in (
            Extent(Defect.CORRUPT, Damage.CUT, "00280010", has_series=False),
            Extent(Defect.CORRUPT),
            *(Extent(defect) for defect in Defect if defect is not Defect.CORRUPT),
        ):
            assert not extent.is_judged(Damaged.JUDGE)

    def test_judging_is_always_done_of_what_has_no_defect(self) -> None:
        for extent in (Extent(), Extent(unreadable_from="00090000")):
            assert all(extent.is_judged(damaged) for damaged in Damaged)


class TestTheDigest:
    def test_the_digest_tells_headers_apart_by_where_reading_ended_and_why(self) -> None:
        headers = [
            Header("1.2", "1.3", None, CT),
            Header("1.2", "1.3", None, CT, unreadable_from="00280010"),
            Header("1.2", "1.3", None, CT, unreadable_from="00280011"),
            Header("1.2", "1.3", None, CT, Defect.CORRUPT),
            *(
                Header("1.2", "1.3", None, CT, Defect.CORRUPT, patient, damage, tag)
                for damage in Damage
                for tag in (None, "00280010")
                for patient in (None, ("1", ""))
            ),
        ]

        assert len({header.digest(SECRET) for header in headers}) == len(headers) == 16

    def test_the_digest_has_one_member_more_and_stays_as_it_is_because_ledgers_hold_it(self) -> None:
        header = Header("1.2", "1.3", "1.4", {}, Defect.CORRUPT, damage=Damage.CUT, unreadable_from="00280010")

        assert header.digest(SECRET) == DIGEST
