"""What one header costs: ours, the careful reader alone, pydicom, and GDCM's Scanner.

In memory ours and pydicom; on files GDCM, which reads nothing else, and ours on the same files, opening and reading
them included. CPU time of the process that scans.
"""

import argparse
import io
import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import count
from pathlib import Path
from statistics import median
from typing import TypeVar

import pydicom
from pydicom.tag import Tag

from benchmarks.gdcm_scanner import GdcmScanner
from benchmarks.made import Maker, real_slice
from benchmarks.measure import Promise, Report, Spent, Table, interleave, ratio, run, spend
from dicom_sieve.headers import Instance, NeedMore, Window, scan
from dicom_sieve.headers.careful import read_header
from dicom_sieve.headers.quick import forget
from dicom_sieve.headers.scan import MOST_ELEMENTS
from dicom_sieve.headers.vocabulary import current_vocabulary
from dicom_sieve.screening import Limits

FIRST = Limits().first_read_bytes
INFLATED = Limits().inflated_limit_bytes
TWO = (0x00080020, 0x00080060)
SAME = tuple(sorted(current_vocabulary().wanted))

OURS = "ours, the first 8 KiB and on"
WHOLE = "ours, the whole object at once"
CAREFUL = "our careful reader alone"
CHEAPEST = "pydicom, two attributes"
PICKED = "pydicom, our attributes, picked from all"
TAGGED = "pydicom, our attributes, as `specific_tags`"
OURS_ON_FILES = "ours, on files"
AT_FIRST = "ours, on files of which nothing is known yet"
GDCM_SAME = "GDCM's Scanner, our attributes"
GDCM_TWO = "GDCM's Scanner, two attributes"
READERS = (OURS, WHOLE, CAREFUL, CHEAPEST, PICKED, TAGGED)
T = TypeVar("T")
GivesObjects = Callable[[int], Sequence[bytes]]
"""Gives the objects of one reader's turn, by the turn's number."""
Scan = Callable[[Window], Instance | NeedMore]
_SAME_TAGS = [Tag(tag) for tag in SAME]
_SAME_SET = frozenset(_SAME_TAGS)
_scan: Scan = partial(scan, inflated_limit=INFLATED)
_read_carefully: Scan = partial(
    read_header, vocabulary=current_vocabulary(), inflated_limit=INFLATED, elements_limit=MOST_ELEMENTS
)


def measure(chosen: argparse.Namespace) -> Report:
    """Measure."""
    warnings.simplefilter("ignore")  # pydicom warns of what it reads
    with tempfile.TemporaryDirectory() as folder, nullcontext() if chosen.without_gdcm else GdcmScanner() as gdcm:
        maker = Maker()
        files = _write(Path(folder), [maker.make(number) for number in range(chosen.headers)])
        corpus = _corpus(gdcm)
        read = [file.read_bytes() for file in corpus]
        passes = max(1, chosen.headers // len(corpus))
        image, distinct = real_slice(), Maker(instances_per_series=1)
        works: dict[str, tuple[GivesObjects, Sequence[Path]]] = {
            "CT_small.dcm": (lambda _: [image] * chosen.headers, files),
            "made of it, each header another": (partial(_make_some, distinct, chosen.headers), ()),
            "corpus": (lambda _: read * passes, corpus * passes),
        }
        spent = {name: _take_turns(*given, gdcm, chosen.repetitions) for name, given in works.items()}
    headers = {name: len(give(0)) for name, (give, _) in works.items()}
    return Report(
        "scan",
        {"headers_a_turn": chosen.headers, "corpus_files": len(corpus), "turns": chosen.repetitions},
        tuple(_promises(spent)),
        tuple(_table(name, headers[name], readers_spent) for name, readers_spent in spent.items()),
        {
            name: {
                reader: [round(turn.cpu / headers[name] * 1e6, 2) for turn in turns]
                for reader, turns in readers_spent.items()
            }
            for name, readers_spent in spent.items()
        },
    )


def _make_some(maker: Maker, many: int, turn: int) -> Sequence[bytes]:
    return [maker.make(number) for number in range(turn * many, (turn + 1) * many)]


def _take_turns(
    give: GivesObjects, files: Sequence[Path], gdcm: GdcmScanner | None, repetitions: int
) -> dict[str, list[Spent]]:
    """Let all readers read the like, in turns; the first turn warms up and does not count."""
    given: dict[str, list[Spent]] = {}
    turns, paths = count(), [str(file) for file in files]
    for turn in range(repetitions + 1):
        works: dict[str, Callable[[], Spent]] = {
            # None is given what another has read before: what ours remembers of headers would be there already.
            name: partial(spend, partial(_each, read, give(next(turns))))
            for name, read in zip(READERS, (_ours, _whole, _careful, _two, _picked, _tagged), strict=True)
        }
        if files:
            works[OURS_ON_FILES] = partial(spend, partial(_each, _on_file, paths))
        if files and gdcm is not None:
            works[GDCM_SAME] = partial(_gdcm, gdcm, files, SAME)
            works[GDCM_TWO] = partial(_gdcm, gdcm, files, TWO)
        for name, spent in interleave(works, 1).items():
            given.setdefault(name, []).extend(spent if turn else [])
    if files:  # last, for all others are to know what they have read
        given[AT_FIRST] = [spend(partial(_each_reread, paths)) for _ in range(repetitions)]
    return given


def _each(read: Callable[[T], object], ones: Sequence[T]) -> None:
    for item in ones:
        read(item)


def _each_reread(paths: Sequence[str]) -> None:
    """Read files of which each kind is the first: nothing is known of what was read before."""
    for path in paths:
        if path == paths[0]:
            forget()
        _on_file(path)


def _ours(data: bytes, scan_with: Scan = _scan) -> Instance:
    return _read_on(scan_with, len(data), data[:FIRST], lambda start, length: data[start : start + length])


def _careful(data: bytes) -> Instance:
    return _ours(data, _read_carefully)


def _whole(data: bytes) -> Instance | NeedMore:
    window = Window(len(data))
    window.add(0, data)
    return _scan(window)


def _on_file(path: str) -> Instance:
    file = os.open(path, os.O_RDONLY)
    try:
        first = os.read(file, FIRST)
        size = len(first) if len(first) < FIRST else os.fstat(file).st_size
        return _read_on(_scan, size, first, lambda start, length: os.pread(file, length, start))
    finally:
        os.close(file)


def _read_on(scan_with: Scan, size: int, first: bytes, give: Callable[[int, int], bytes]) -> Instance:
    """Read as indexing does: on from the first byte that is missing, each time twice as much."""
    window, length = Window(size), FIRST
    window.add(0, first)
    while isinstance(answer := scan_with(window), NeedMore):
        length *= 2
        window.add(answer.offset, give(answer.offset, length))
    return answer


def _gdcm(gdcm: GdcmScanner, files: Sequence[Path], tags: Sequence[int]) -> Spent:
    return gdcm.scan(files, tags)[0]


def _two(data: bytes) -> object:
    return pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=[*TWO])


def _picked(data: bytes) -> object:
    dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
    return {tag: dataset.get_item(tag).value for tag in dataset.keys() & _SAME_SET}


def _tagged(data: bytes) -> object:
    dataset = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True, specific_tags=_SAME_TAGS)
    return {tag: dataset.get_item(tag).value for tag in dataset.keys()}  # noqa: SIM118 - it iterates over elements


def _write(folder: Path, objects: Sequence[bytes]) -> list[Path]:
    files = []
    for number, data in enumerate(objects):
        files.append(folder / f"{number}.dcm")
        files[-1].write_bytes(data)
    return files


def _corpus(gdcm: GdcmScanner | None) -> list[Path]:
    """Give the files of the pydicom wheel that all readers read.

    Left out is what takes GDCM over 0.1 s, which is one file: it would be all that the mean of the others tells.
    """
    folder = Path(pydicom.__file__).parent / "data" / "test_files"
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and _is_read(file)]
    return [file for file in files if gdcm is None or _is_read_by_gdcm(gdcm, file)]


def _is_read(file: Path) -> bool:
    data = file.read_bytes()
    try:
        _tagged(data)
    except Exception:  # whatever pydicom raises, it does not read it
        return False
    return bool(data) and _ours(data).header.defect is None


def _is_read_by_gdcm(gdcm: GdcmScanner, file: Path) -> bool:
    spent, read = gdcm.scan([file], SAME)
    return bool(read) and spent.cpu < 0.1


def _promises(spent: Mapping[str, Mapping[str, Sequence[Spent]]]) -> Iterator[Promise]:
    for name, readers in spent.items():
        for other in (CHEAPEST, _quickest_same(readers)):
            yield Promise(f"scan, {name}: times {other}", 8.0, _times(readers, other, OURS))
        if GDCM_SAME in readers:
            yield Promise(f"scan, {name}: times {GDCM_SAME}", 5.0, _times(readers, GDCM_SAME, OURS_ON_FILES))


def _quickest_same(readers: Mapping[str, Sequence[Spent]]) -> str:
    return min((PICKED, TAGGED), key=lambda name: median(turn.cpu for turn in readers[name]))


def _times(readers: Mapping[str, Sequence[Spent]], other: str, ours: str) -> float:
    return ratio([turn.cpu for turn in readers[other]], [turn.cpu for turn in readers[ours]])


def _table(name: str, headers: int, readers: Mapping[str, Sequence[Spent]]) -> Table:
    rows = []
    for reader, turns in readers.items():
        ours = OURS_ON_FILES if reader in {OURS_ON_FILES, AT_FIRST, GDCM_SAME, GDCM_TWO} else OURS
        cpu, wall = (median(getattr(turn, kind) for turn in turns) / headers * 1e6 for kind in ("cpu", "wall"))
        rows.append((reader, cpu, wall, _times(readers, reader, ours)))
    return Table(
        f"**{name}**, {headers:,} headers", ("reader", "CPU, µs a header", "wall, µs", "times ours"), tuple(rows)
    )


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--headers", type=int, default=1000, help="headers of one turn")
    parser.add_argument("--repetitions", type=int, default=7, help="turns that count")
    parser.add_argument("--without-gdcm", action="store_true", help="leave out GDCM, which is installed for it")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run it as a command."""
    run(measure, description=__doc__, options=_options, arguments=arguments)


if __name__ == "__main__":
    main()
