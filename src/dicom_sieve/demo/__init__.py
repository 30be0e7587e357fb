"""The demo: a bucket of real DICOM is screened, what passed is segmented, and each result is traced back.

With the extra ``dicom-sieve[demo]`` it is all of it: an S3 server, Prefect, a run over REST. Without it the objects lie
in a directory, and the run is one of the command line (ADR 31).
"""

from collections.abc import Mapping
from typing import Any

KEY_ID, ACCESS_KEY = "demo-key", "demo-secret"
BUCKET, OUTPUT_BUCKET, REGION = "challenge-tech", "results", "eu-west"
CRITERIA: list[dict[str, Any]] = [
    {"dicom_tag": ["0008", "0020"], "operation": "GREATER", "reference": "2022-01-01"},
    {"dicom_tag": ["0008", "0060"], "operation": "IN", "reference": ["CT", "MR"]},
]
ODD_KEY, PLAIN_KEY = "odd//two slashes + a plus #1.dcm", "odd/cut-short.dcm"
"""What is traced: a key that no file can have; where the objects are files, another one."""
PARAMETERS: Mapping[str, Mapping[str, Any]] = {"radiomics": {"spacing": 4.0}}
"""Of what is computed, by its name: features of voxels so large take seconds."""
