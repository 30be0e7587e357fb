"""A page that shows what is typed and what is printed, typed again into one shell and compared line by line."""

import os
import re
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.documents import code_blocks

ANYTHING = "…"
PROMPT = "$ "
_END = "-- the end of a command, with its exit code:"
_FILE = re.compile(r"`([\w.]+)`[^`]*\n\n```(?:json|python)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ"
_ID = r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\b(?:[0-9a-f]{64}|[0-9a-f]{32}|[0-9a-f]{16})\b"


class Shell:
    """A shell that stays open: what one command exports, the next one has.

    Args:
        folder: Where it starts.
        environment: Of it.
        prelude: Its first command.
        enter: A command that starts it elsewhere.
    """

    def __init__(
        self, folder: Path, environment: Mapping[str, str], prelude: str = ":", *, enter: Sequence[str] = ()
    ) -> None:
        self._process = subprocess.Popen(
            [*enter, "bash", "--noprofile", "--norc"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.run(prelude)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let it end, and with it what it started behind itself and a failing page did not come to stop."""
        self._process.communicate()
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)

    def run(self, command: str) -> str:
        """Type a command, and give all that it printed; it must not fail."""
        typed, printed = self._process.stdin, self._process.stdout
        assert typed
        assert printed
        typed.write(f"{{ {command}\n}} </dev/null; echo '{_END}' $?\n")
        typed.flush()
        lines: list[str] = []
        for line in printed:
            before, end, code = line.partition(_END)
            if end:
                output = "".join([*lines, before])
                assert code.strip() == "0", f"{command}\n{output}"
                return output
            lines.append(line)
        raise AssertionError(f"the shell ended in: {command}\n{''.join(lines)}")


class Names:
    """What the page calls by a name that is another one each time: addresses that are given, and ids as they come."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._here = dict(given)

    def here(self, text: str) -> str:
        """Give a command as it is typed here."""
        for name, here in self._here.items():
            text = text.replace(name, here)
        return text

    def check(self, page: str, printed: str) -> None:
        """Hold what the page shows against what was printed; an id stands for the same thing all over the page."""
        groups: dict[str, str] = {}
        lines = (
            r"(?:.*\n)*?" if line == ANYTHING else f"{self._pattern(line, groups)} *\n" for line in page.splitlines()
        )
        found = re.fullmatch("".join(lines), printed)
        assert found, f"the page shows\n{page}\nand this was printed:\n{printed}"
        for name, group in groups.items():
            self._here[name] = found[group]
            if "-" in name:  # a run is called by the beginning of its id, too
                self._here[name.partition("-")[0]] = found[group].partition("-")[0]

    def _pattern(self, line: str, groups: dict[str, str]) -> str:
        names = "|".join(re.escape(name) for name in self._here)
        parts = re.split(f"({names}|{_ID}|{_TIME}|{ANYTHING})", line)
        return "".join(self._part(part, groups) for part in parts)

    def _part(self, part: str, groups: dict[str, str]) -> str:
        if part in self._here:
            return re.escape(self._here[part])
        if part in groups:
            return f"(?P={groups[part]})"
        if re.fullmatch(_ID, part):
            groups[part] = f"id{len(groups)}"
            return f"(?P<{groups[part]}>{re.sub('[0-9a-f]', '[0-9a-f]', part)})"
        if re.fullmatch(_TIME, part):
            return _TIME
        return ".*" if part == ANYTHING else re.escape(part)


def files_of(page: str) -> dict[str, str]:
    """Give the files that a page shows, each by the name that stands last before it."""
    return dict(_FILE.findall(page))


def commands_of(page: str) -> Iterator[tuple[str, str]]:
    """Give the commands that a page shows, in their order, and what it shows of the output of each."""
    for block in code_blocks(page, "console"):
        for step in block.removeprefix(PROMPT).split(f"\n{PROMPT}"):
            command, _, printed = step.partition("\n")
            yield command, printed
