"""20,000 objects made by a grammar are read as pydicom reads them, but for what docs/reading.md lists."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from dicom_sieve.headers import Damage, Defect
from tests.conftest import find_program, not_present
from tests.headers.by_pydicom import read_as_documented, read_by_us, without_empty_uids
from tests.headers.grammar import UIDS, WANTED, Grammar, Made
from tests.headers.raw import DEFLATED, scan_whole

SEEDS = 20
OBJECTS_A_SEED = 1_000
HARMLESS = frozenset({"any order", "one out of order", "repeated", "item that ends twice"})
"""Oddities that make no object CORRUPT."""
DAMAGE = {
    Damage.REPEATED: {"repeated, maybe otherwise"},
    Damage.CUT: {"cut", "fill", "item", "delimiter of an item", "delimiter of a sequence"},
    Damage.CONTRADICTORY: {"item", "delimiter of an item", "delimiter of a sequence", "fill"},
}
"""Which oddity each damage may come from."""


def is_behind_fragments(made: Made) -> bool:
    """Whether elements may stand behind a value of undefined length that is behind all that is asked for."""
    return "fragments" in made.oddities


@pytest.mark.slow
@pytest.mark.no_cover  # tracing would take most of the time
@pytest.mark.parametrize("seed", range(SEEDS))
def test_every_difference_from_pydicom_is_listed(seed: int) -> None:
    grammar, counted = Grammar(seed), Counter[str]()
    for number in range(OBJECTS_A_SEED):
        made = grammar.make()
        instance = scan_whole(made.data)
        header = instance.header
        theirs = read_as_documented(made.data, is_deflated=made.syntax == DEFLATED)
        counted[str(header.damage or header.defect)] += 1
        if header.damage is not None:
            assert header.unreadable_from is not None, number
            assert made.oddities & DAMAGE[header.damage], (number, made.oddities)
            continue
        assert header.defect in {None, Defect.NO_SERIES}, number
        if is_behind_fragments(made):
            counted["behind fragments"] += 1
            continue
        assert theirs is not None, number
        assert read_by_us(instance) == without_empty_uids(theirs), number
    assert counted["None"] > OBJECTS_A_SEED * 0.6
    assert all(counted[damage] > 0 for damage in Damage)


@pytest.mark.parametrize("seed", range(3))
def test_harmless_oddities_are_never_damage(seed: int) -> None:
    grammar = Grammar(1_000 + seed)
    for number in range(1_000):
        made = grammar.make()
        if made.oddities <= HARMLESS:
            header = scan_whole(made.data).header
            assert header.defect in {None, Defect.NO_SERIES}, (number, made.oddities)
            assert header.unreadable_from is None, number


LINE = re.compile(
    r"\((?P<group>[0-9a-f]{4}),(?P<element>[0-9a-f]{4})\) .. (\[(?P<text>.*)\]|\(no value available\)) +# "
)
FILE = re.compile(r"# dcmdump \(\d+/\d+\): .*?(?P<number>\d+)\.dcm")


@pytest.mark.needs_dcmtk
def test_what_dcmtk_reads_it_reads_in_the_same_way(tmp_path: Path) -> None:
    program = find_program("dcmdump")
    if program is None:
        not_present("dcmtk", "no dcmdump")
        return
    grammar, objects = Grammar(77), list[Made]()
    while len(objects) < 400:
        made = grammar.make()
        if made.syntax != DEFLATED and not is_behind_fragments(made):
            objects.append(made)
    files = [tmp_path / f"{number:04}.dcm" for number in range(len(objects))]
    for file, made in zip(files, objects, strict=True):
        file.write_bytes(made.data)

    theirs = dump(program, files)

    compared = 0
    for number, made in enumerate(objects):
        instance = scan_whole(made.data)
        if theirs.get(number) and instance.header.damage is None:
            ours = read_by_us(instance)
            assert {tag: _trimmed(texts) for tag, texts in ours.items() if texts} == theirs[number], number
            compared += 1
    assert compared > 150


def _trimmed(texts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(text.strip() for text in texts)


def dump(program: str, files: list[Path]) -> dict[int, dict[str, tuple[str, ...]]]:
    """What dcmtk prints of files, by their number; of those that it refuses nothing."""
    command = [program, "--no-uid-names", "--print-all", "--load-short", "--print-filename", *map(str, files)]
    answer = subprocess.run(command, capture_output=True, check=False, timeout=60)
    found: dict[int, dict[str, tuple[str, ...]]] = {}
    values: dict[str, tuple[str, ...]] = {}
    for line in answer.stdout.decode("latin-1").replace("\n]", "]").split("\n"):  # it prints line breaks of values
        if file := FILE.match(line):
            values = found.setdefault(int(file["number"]), {})
        elif match := LINE.match(line):
            tag, text = (match["group"] + match["element"]).upper(), (match["text"] or "").strip()
            if text and int(tag, 16) in {*WANTED, *UIDS}:
                values[tag] = tuple(part.strip() for part in text.split("\\"))
    return found
