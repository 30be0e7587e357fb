"""Every real file of the corpus, compared with two other readers: plain pydicom on the whole file, and dcmtk."""

import re
import subprocess
import warnings
from pathlib import Path

import pydicom
import pytest

from tests.conftest import find_program, not_present
from tests.corpus import FILES
from tests.headers.corpus_answers import BEHIND_HEADER, DEFECTS, UIDS, Values, is_wanted, read_with_pydicom
from tests.headers.raw import FIRST_EDITION, scan_whole

READABLE = {name: path for name, path in FILES.items() if DEFECTS.get(path.name, "NO_SERIES") == "NO_SERIES"}

each_file = pytest.mark.parametrize("path", FILES.values(), ids=FILES.keys())


def patient_with_pydicom(path: Path) -> tuple[str, str] | None:
    """Patient ID and its issuer, as their bytes are in the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = pydicom.dcmread(path, force=True)
    texts = []
    for tag in (0x00100020, 0x00100021):
        value = dataset.get_item(tag).value or b"" if tag in dataset else b""
        texts.append((value if isinstance(value, str) else value.decode("latin-1")).strip(" \0"))
    return (texts[0], texts[1]) if texts[0] else None


def read_with_us(path: Path) -> Values:
    instance = scan_whole(path.read_bytes())
    header = instance.header
    found: Values = {
        int(key, 16): tuple(text.strip(" \0") for text in texts)
        for key, texts in header.attributes.items()
        if key in FIRST_EDITION
    }
    uids = {
        "study": header.study_instance_uid,
        "series": header.series_instance_uid,
        "sop_class": header.sop_class_uid,
        "sop_instance": instance.sop_instance_uid,
    }
    return found | {UIDS[name]: (uid,) for name, uid in uids.items() if uid is not None}


@each_file
def test_every_file_has_the_defect_that_it_should_have(path: Path) -> None:
    defect = scan_whole(path.read_bytes()).header.defect

    assert (None if defect is None else defect.value) == DEFECTS.get(path.name)


@pytest.mark.parametrize("path", READABLE.values(), ids=READABLE.keys())
def test_every_readable_file_says_what_pydicom_says(path: Path) -> None:
    expected = read_with_pydicom(path)
    empty_uids = {tag for tag in UIDS.values() if expected.get(tag) == ()}  # an empty UID counts as none

    assert read_with_us(path) == {tag: texts for tag, texts in expected.items() if tag not in empty_uids}
    assert scan_whole(path.read_bytes()).header.patient == patient_with_pydicom(path)


DUMPED = re.compile(
    r"\((?P<group>[0-9a-f]{4}),(?P<element>[0-9a-f]{4})\) "
    r"(.. \[(?P<text>.*)\]|UN (?P<bytes>[0-9a-f]{2}(\\[0-9a-f]{2})*)|.. \(no value available\)) +# "
)


def dump(program: str, path: Path) -> Values | None:
    """Values as dcmtk prints them; None where it refuses the file."""
    command = [program, "--quiet", "--print-all", "--load-short", "--no-uid-names", str(path)]
    answer = subprocess.run(command, capture_output=True, check=False, timeout=20)
    if answer.returncode:
        return None
    values: Values = {}
    for line in answer.stdout.decode("latin-1").splitlines():
        match = DUMPED.match(line)
        tag = int(match["group"] + match["element"], 16) if match else 0
        if match and 0x00080000 <= tag < BEHIND_HEADER and is_wanted(tag):
            unknown = bytes.fromhex((match["bytes"] or "").replace("\\", "")).decode("latin-1")
            text = (match["text"] or unknown).strip(" \0")
            values[tag] = tuple(part.strip() for part in text.split("\\")) if text else ()
    return values


@pytest.mark.needs_dcmtk
def test_every_file_that_dcmtk_reads_says_what_dcmtk_says() -> None:
    program = find_program("dcmdump")
    if program is None:
        not_present("dcmtk", "no dcmdump")
        return
    compared = 0
    for name, path in READABLE.items():
        theirs = dump(program, path)
        if theirs:
            ours = read_with_us(path)
            assert ours == {tag: texts for tag, texts in theirs.items() if texts or tag not in UIDS.values()}, name
            compared += 1

    assert compared > 120
