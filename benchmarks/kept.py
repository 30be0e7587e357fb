"""What headers keep of the objects in a folder: against pydicom, by series, in bytes.

Every kept value is compared with what pydicom reads of the whole object, and the fast path with the careful reader. The
functional groups of frames are left out of the comparison with pydicom, as headers sum them up.
"""

import argparse
import io
import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pydicom
from tests.headers.by_pydicom import in_silence
from tests.headers.kept_by_pydicom import PER_FRAME, kept_by_pydicom, kept_by_us

from dicom_sieve.headers import Header, Instance, Window, scan
from dicom_sieve.headers.careful import read_header
from dicom_sieve.headers.scan import MOST_ELEMENTS
from dicom_sieve.headers.vocabulary import current_vocabulary
from dicom_sieve.screening import Limits

INFLATED = Limits().inflated_limit_bytes
FEWEST = 5
"""Instances of a series of which it is told how many headers it has."""


def main() -> None:
    """Run it as a command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="with DICOM files, at any depth")
    parser.add_argument("--at-most", type=int, default=20, help="files of one series that are read")
    chosen = parser.parse_args()
    counted, modalities = Counter[str](), Counter[str]()
    series = defaultdict[tuple[str, str], list[Instance]](list)
    for path in sorted(path for path in chosen.folder.rglob("*") if path.is_file()):
        read = _read(path.read_bytes(), counted)
        if read is None or read.header.defect is not None:
            continue
        of_series = series[str(path.parent), read.header.series_instance_uid or ""]
        if len(of_series) < chosen.at_most:
            of_series.append(read)
            modalities.update(read.header.attributes.get("00080060", ()))
            _compare(path, read, counted)
    print(json.dumps({**counted, "modalities": modalities, **_sizes(list(series.values()))}, indent=2))


def _read(data: bytes, counted: Counter[str]) -> Instance | None:
    if not data:
        return None
    answer = scan(_window(data), inflated_limit=INFLATED)
    carefully = read_header(_window(data), current_vocabulary(), inflated_limit=INFLATED, elements_limit=MOST_ELEMENTS)
    counted["files"] += 1
    counted["fast path differs"] += answer != carefully
    return answer if isinstance(answer, Instance) else None


def _window(data: bytes) -> Window:
    window = Window(len(data))
    window.add(0, data)
    return window


def _compare(path: Path, read: Instance, counted: Counter[str]) -> None:
    with in_silence():
        try:
            theirs = kept_by_pydicom(
                pydicom.dcmread(io.BytesIO(path.read_bytes()), force=True, stop_before_pixels=True)
            )
        except Exception:  # whatever pydicom raises, there is nothing to compare with
            counted["pydicom does not read"] += 1
            return
    ours = kept_by_us({**read.header.attributes, **read.own})
    keys = (ours.keys() | theirs.keys()) - {f"{PER_FRAME:08X}"}
    different = sorted(key for key in keys if ours.get(key) != theirs.get(key))
    counted.update(compared=1, values=len(keys), values_that_differ=len(different))
    if different:
        print(path, different)


def _sizes(series: Sequence[Sequence[Instance]]) -> Mapping[str, float]:
    long = [of_series for of_series in series if len(of_series) >= FEWEST]
    instances = [instance for of_series in series for instance in of_series]
    headers = [len({_written(instance.header) for instance in of_series}) for of_series in long]
    return {
        "series": len(series),
        f"series of {FEWEST} and more": len(long),
        "headers a series of these": round(sum(headers) / max(1, len(headers)), 3),
        "of these with one header": sum(count == 1 for count in headers),
        "bytes of a header": _mean([len(_written(instance.header)) for instance in instances]),
        "bytes of an object's own": _mean([len(json.dumps(dict(instance.own))) for instance in instances]),
    }


def _written(header: Header) -> str:
    return json.dumps(dict(header.attributes), sort_keys=True)


def _mean(numbers: Sequence[int]) -> float:
    return round(sum(numbers) / max(1, len(numbers)), 1)


if __name__ == "__main__":
    main()
