"""Files that are none of a tool, or that mean harm, are refused soon and at their place; nothing in them is run."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_sieve.errors import InvalidRequestError
from dicom_sieve.importers import IMPORTERS, import_rules
from dicom_sieve.importers.documents import LONGEST, read_yaml

BOMB = "a: &a {x: 1}\n" + "\n".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LAUGHS = "a: &a [x]\n" + "\n".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


def problem(tool: str, text: str) -> str:
    with pytest.raises(InvalidRequestError) as error:
        import_rules(tool, text)
    [line] = error.value.problems
    return line


@pytest.mark.parametrize(
    ("tool", "text", "line"),
    [
        (
            "dcm2bids",
            '{"descriptions": 1}',
            (
                "has no descriptions; accepted: a config of dcm2bids: an object whose member 'descriptions' is a list "
                "of objects"
            ),
        ),
        ("dcm2bids", '{"a":\n x}', "line 2, column 2: is not JSON: Expecting value; accepted: JSON"),
        (
            "monai",
            "[]",
            (
                "has no selections; accepted: selection rules of MONAI Deploy: an object whose member 'selections' is "
                "a list of objects"
            ),
        ),
        (
            "bidscoin",
            "Options: {}",
            "has no section 'DICOM'; accepted: a bidsmap of BIDScoin, with a section 'DICOM' of lists of run-items",
        ),
        (
            "bidscoin",
            "a: [1\nb: 2",
            "line 2, column 2: is not YAML: did not find expected ',' or ']'; accepted: YAML",
        ),
        (
            "pixl",
            "project: {name: a}",
            (
                "has no modalities of a project; accepted: a project config of PIXL: a mapping with 'project', which "
                "has 'modalities'"
            ),
        ),
        (
            "mercure",
            "tags.Modality ==",
            (
                "rule rule: line 2: is no expression: invalid syntax; accepted: mercure's configuration, a rule of "
                "it, or an expression as 'CINE' in tags.SeriesDescription"
            ),
        ),
        (
            "mercure",
            "{}",
            (
                "has no rules; accepted: mercure's configuration, a rule of it, or an expression as 'CINE' in "
                "tags.SeriesDescription"
            ),
        ),
        (
            "ctp",
            'true. *\nModality,equals("CT")',
            (
                "line 2: the end of the script; accepted: a script of CTP, as "
                '[Modality].equals("CT") * ![SeriesDescription].contains("SCOUT")'
            ),
        ),
        ("ctp", "(true.", "line 1: the end of the script; accepted: a closing bracket"),
        ("ctp", 'true. Modality.equals("CT")', "line 1: 'Modality.equals(\"CT\")'; accepted: an operator, as * or +"),
        ("ctp", "!!true.", "line 1: '!true.'; accepted: one ! before an element or a bracket"),
    ],
)
def test_file_that_is_none_of_the_tool_is_refused_in_words(tool: str, text: str, line: str) -> None:
    assert problem(tool, text) == line


@pytest.mark.parametrize("tool", IMPORTERS)
def test_file_that_is_too_long_is_refused(tool: str) -> None:
    assert problem(tool, " " * (LONGEST + 1)).endswith(f"characters; accepted: {LONGEST:,} at most")


def hostile() -> Iterator[tuple[str, str]]:
    deep_list, deep_object = "[" * 100_000, '{"a":' * 100_000
    for tool in ("dcm2bids", "monai", "mercure"):
        yield tool, f'{{"descriptions": {deep_list}'
        yield tool, deep_object
        yield tool, '{"descriptions": [' + "9" * 100_000 + "]}"
    for tool in ("bidscoin", "pixl"):
        yield tool, deep_list
        yield tool, "a: " * 1 + "{a: " * 10_000
        yield tool, BOMB
        yield tool, LAUGHS
        yield tool, "a: &a {<<: *a}"
        yield tool, "a: &a [*a]"
        yield tool, "? [a]\n: b"
        yield tool, "\x07"
    yield "mercure", "(" * 5_000 + ")" * 5_000
    yield "mercure", "not " * 2_400 + "True"
    yield "mercure", "+".join(["1"] * 4_900)
    yield "mercure", "1" * 10_001
    yield "ctp", "(" * 100_000
    yield "ctp", "*".join(["true."] * 6_000)
    yield "ctp", "!" * 100_000
    yield "ctp", "[" * 100_000


@pytest.mark.parametrize(("tool", "text"), list(hostile()))
def test_file_that_means_harm_is_refused_within_seconds(tool: str, text: str) -> None:
    started = time.monotonic()

    problem(tool, text)

    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    "expression",
    [
        "__import__('os').system('touch RAN')",
        "[x for x in ().__class__.__base__.__subclasses__()]",
        "open('RAN', 'w')",
        "(lambda: 1)()",
        "9**9**9 > 1",
        "'a' * 10**9 in tags.Modality",
        "tags.__class__ == 'x'",
    ],
)
def test_expression_of_mercure_is_never_run(expression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    [rule] = import_rules("mercure", expression)

    assert rule.criteria == ()
    assert len(rule.left_out) == 1
    assert list(tmp_path.iterdir()) == []


def test_tags_of_yaml_make_nothing() -> None:
    read = read_yaml('a: !!python/object/apply:os.system ["touch RAN"]\nb: !x c\nd: 2022-01-01\ne: 1\nf: ~')

    assert read == {"a": ["touch RAN"], "b": "c", "d": "2022-01-01", "e": 1, "f": None}


def test_what_a_mapping_has_itself_counts_before_what_it_merges() -> None:
    read = read_yaml("a: &a {x: 1, y: 2}\nb: &b {x: 3}\nc:\n  <<: [*a, *b]\n  y: 4")

    assert read["c"] == {"x": 1, "y": 4}


def test_expression_that_takes_long_to_match_is_only_read() -> None:
    started = time.monotonic()

    [rule] = import_rules(
        "bidscoin", json.dumps({"DICOM": {"anat": [{"attributes": {"ProtocolName": "(a+)+" * 100 + "b"}}]}})
    )

    assert rule.left_out[0].endswith("it repeats more than any character: +")
    assert time.monotonic() - started < 5
