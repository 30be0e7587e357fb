"""A page is held to what is printed: each line, each id wherever it stands."""

import pytest

from tests.support.transcript import Names, commands_of, files_of

RUN, ANOTHER = "1d0a2dfe-9dfe-4ec1-a536-cdd18e57a83b", "ac4350ac-b718-4074-b533-496e1c511efc"
PAGE = f"""
Write `numbers.json`:

```json
[1]
```

```console
$ screen http://localhost:9000
…
7 of 9 passed
run  {RUN} of 2026-11-29 01:43:20Z
$ show 1d0a2dfe
run  {RUN}
```
"""
PRINTED = f"listed 9\n7 of 9 passed\nrun  {ANOTHER} of 2027-01-01 00:00:00Z\n"


def test_commands_and_files_are_those_of_the_page() -> None:
    assert files_of(PAGE) == {"numbers.json": "[1]\n"}
    assert [command for command, _ in commands_of(PAGE)] == ["screen http://localhost:9000", "show 1d0a2dfe"]


def test_ids_are_learned_and_typed_from_then_on() -> None:
    (_, first), (command, second) = commands_of(PAGE)
    names = Names({})

    names.check(first, PRINTED)
    names.check(second, f"run  {ANOTHER}\n")

    assert names.here(command) == "show ac4350ac"


@pytest.mark.parametrize(
    "printed",
    [
        PRINTED.replace("7 of 9", "8 of 9"),
        PRINTED + "a warning\n",
        PRINTED.replace("7 of 9 passed\n", ""),
        PRINTED.replace(ANOTHER, "no id"),
    ],
)
def test_what_the_page_does_not_show_fails(printed: str) -> None:
    [(_, shown), _] = commands_of(PAGE)

    with pytest.raises(AssertionError, match="and this was printed"):
        Names({}).check(shown, printed)


def test_an_id_that_stands_for_another_thing_fails() -> None:
    (_, first), (_, second) = commands_of(PAGE)
    names = Names({})
    names.check(first, PRINTED)

    with pytest.raises(AssertionError, match="and this was printed"):
        names.check(second, f"run  {RUN}\n")
