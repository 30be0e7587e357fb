"""The files of a dataset that are of no series: what it is, who is in it, and what validators are to leave alone."""

import json
from collections.abc import Sequence
from typing import Any

from dicom_sieve.computations.export.bids.labels import OLDEST, Participant
from dicom_sieve.computations.export.bids.names import CT, OTHER
from dicom_sieve.version import __version__

BIDS_VERSION = "1.10.0"
_README = """Series that passed in run {run} of dicom-sieve, each as dcm2niix converts it.

Labels of subjects, sessions and runs are running numbers. Dates, names and IDs are in no name and in no sidecar; what
is burned into pixels, and faces, are still there. The ledger that screened the series tells what a file comes from:
dicom-sieve trace FILE.

CT is no part of BIDS yet and lies in ct/, as its extension proposal 24 has it. other/ holds what BIDS has no name for.
"""


def files_of_dataset(run_id: str, dcm2niix: str, participants: Sequence[Participant]) -> dict[str, bytes]:
    """Give the files by name, the description last: where it is, the dataset is whole.

    Args:
        run_id: The run that is exported.
        dcm2niix: Version of the program.
        participants: Of the dataset, in the order of their labels.
    """
    return {
        "README": _README.format(run=run_id).encode(),
        ".bidsignore": f"**/{CT}\n**/{OTHER}\n".encode(),
        "participants.tsv": _participants(participants).encode(),
        "participants.json": _as_json(
            {
                "age": {
                    "Description": f"At the first study that says one; {OLDEST} stands for higher ones.",
                    "Units": "year",
                },
                "sex": {"Description": "As the images say.", "Levels": {"M": "male", "F": "female", "O": "other"}},
            }
        ),
        "dataset_description.json": _as_json(
            {
                "Name": f"dicom-sieve run {run_id}",
                "BIDSVersion": BIDS_VERSION,
                "DatasetType": "raw",
                "GeneratedBy": [
                    {"Name": "dicom-sieve", "Version": __version__},
                    {"Name": "dcm2niix", "Version": dcm2niix},
                ],
            }
        ),
    }


def _participants(participants: Sequence[Participant]) -> str:
    rows = [("participant_id", "age", "sex")]
    for each in participants:
        age = "n/a" if each.age is None else f"{each.age:g}"
        rows.append((f"sub-{each.label}", age, each.sex or "n/a"))
    return "".join("\t".join(row) + "\n" for row in rows)


def _as_json(content: dict[str, Any]) -> bytes:
    return (json.dumps(content, indent=2) + "\n").encode()
