"""Buckets and criteria that property tests choose from."""

from hypothesis import strategies as st

from tests.screening.screenings import ct
from tests.support.builders import make_instance

CRITERIA = (
    {"dicom_tag": ("0008", "0060"), "operation": "IN", "reference": ["CT", "MR"]},
    {"dicom_tag": ("0008", "0060"), "operation": "EQUALS", "reference": "US"},
    {"dicom_tag": ("0008", "0020"), "operation": "GREATER", "reference": "2022-01-01"},
    {"dicom_tag": ("0010", "1010"), "operation": "LESS", "reference": "018Y"},
)
instances = st.builds(
    lambda series, uid, attributes: make_instance(
        series_instance_uid=series, SOPInstanceUID=uid, **{k: v for k, v in attributes.items() if v is not None}
    ),
    st.sampled_from(["1.5.1", "1.5.2", "1.5.3"]),
    st.sampled_from(["1.6.1", "1.6.2", "1.6.3"]),
    st.fixed_dictionaries(
        {
            "Modality": st.sampled_from(["CT", "MR", "US", "ct", "", "X" * 17, None]),
            "StudyDate": st.sampled_from(["20230101", "20191231", "2023", "", None]),
            "PatientAge": st.sampled_from(["017Y", "018Y", "old", None]),
        }
    ),
)
buckets = st.dictionaries(
    st.sampled_from("abcdefgh"), instances | st.sampled_from([b"", b"no DICOM", ct()[:200]]), min_size=1
)
