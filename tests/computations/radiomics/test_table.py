"""The Parquet table of features."""

import io
import math
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_sieve.computations.radiomics.features import features
from dicom_sieve.computations.radiomics.region import Region
from dicom_sieve.computations.radiomics.table import KEYS, Row, from_parquet, to_parquet

COLUMNS = [feature.column for feature in features()]
regions = st.builds(
    Region,
    label=st.text(max_size=20),
    number=st.integers(1, 65_535),
    code=st.text("ABC:123", max_size=12),
    voxels=st.integers(0, 10**9),
    volume_mm3=st.floats(0, 1e9),
    intensity_unit=st.sampled_from(["", "HU", "SUV"]),
    values=st.dictionaries(st.sampled_from(COLUMNS), st.floats(allow_nan=False, allow_infinity=False), max_size=5),
    refused=st.sampled_from(["", "the region is empty"]),
)
rows = st.builds(
    Row,
    run_id=st.uuids().map(str),
    computation_id=st.integers(1, 2**40),
    study_uid=st.just("1.2"),
    series_uid=st.just("1.2.3"),
    mask_uid=st.just("1.2.3.4"),
    region=regions,
)


class TestTable:
    @settings(max_examples=15)
    @given(st.lists(rows, max_size=3))
    def test_what_is_written_is_read_back(self, written: list[Row]) -> None:
        body = to_parquet(written)

        assert from_parquet(body) == written
        assert to_parquet(from_parquet(body)) == body

    def test_fields_say_name_code_and_unit(self) -> None:
        row = Row("r", 1, "1.2", "1.2.3", "1.2.3.4", Region("Lungs", 2, "SCT:39607008", 9, 1.5, "HU", {}))
        schema = pq.read_schema(io.BytesIO(to_parquet([row])))

        said = schema.field("intensity_variance_ECT3").metadata
        assert schema.names == [*KEYS.names, *COLUMNS]
        assert {key: said[key] for key in (b"name", b"ibsi_code", b"family", b"aggregation", b"unit")} == {
            b"name": b"Intensity variance",
            b"ibsi_code": b"ECT3",
            b"family": b"statistics",
            b"aggregation": b"",
            b"unit": b"HU2",
        }

    def test_a_database_reads_it(self, tmp_path: Path) -> None:
        file = tmp_path / "features.parquet"
        values = {"volume_mesh_RNU0": 556.0}
        row = Row("r", 1, "1.2", "1.2.3", "1.2.3.4", Region("Lungs", 2, "", 9, 1.5, "HU", values))
        file.write_bytes(to_parquet([row]))

        found = (
            duckdb.connect()
            .execute(f"select label, volume_mesh_RNU0, joint_maximum_3d_merged_GYBY from '{file}'")
            .fetchall()
        )

        assert found == [("Lungs", 556.0, None)]
        assert math.isfinite(found[0][1])
