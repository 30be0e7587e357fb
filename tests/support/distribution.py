"""Which tests share a process where they run in several: those of a file, and those that share a Prefect server."""

from typing import Any

from xdist.scheduler import LoadScopeScheduling

BEGIN_FIRST = (
    "tests/image/test_empty_machine.py",
    "tests/image/test_image.py",
    "tests/flows/test_dead_runs.py",
    "tests/flows/test_leaks.py",
    "tests/screening/test_crash.py",
    "tests/test_benchmarks.py",
    "tests/test_wheel.py",
    "tests/test_shell_examples.py",
    "tests/test_tutorials.py",
    "tests/test_site.py",
    "tests/workers/test_ray_lost.py",
    "tests/workers/test_ray.py",
    "tests/screening/test_readers.py",
    "tests/real/test_faults.py",
    "tests/publishing/test_copies.py",
    "tests/flows/test_workers.py",
    "tests/screening/test_killed_around.py",
    "tests/workers/test_processes.py",
)
"""Files that take longest. Where they come last, the other processes have nothing left to do."""

WAITING = ("dead_runs", "end_to_end", "form", "prefect_itself", "progress", "same_time")
"""Files of flows that spend most of their time waiting: they share a second server."""


class Distribution(LoadScopeScheduling):  # type: ignore[misc]
    """Hands out files, in the order in which they were collected."""

    def _split_scope(self, nodeid: str) -> str:
        """Name what a test belongs to."""
        return share(nodeid.partition("::")[0])

    def remove_node(self, node: Any) -> str | None:
        """Let the other processes do what one that has ended had not done; name the test that it was in, if in any.

        That test is not run again: it may have been what ended the process. What is done already is left out: in
        xdist 3.8 it is handed out as work without a test, and the suite then waits for its end and never ends itself.
        """
        units = self.assigned_work.pop(node)
        waiting = [(unit, test) for unit in units.values() for test, is_done in unit.items() if not is_done]
        if not waiting:
            return None
        unit, crashed = waiting[0]
        unit[crashed] = True
        self.workqueue.update({scope: unit for scope, unit in units.items() if not all(unit.values())})
        for other in self.nodes:
            self._reschedule(other)
        return str(crashed)


def share(file: str) -> str:
    """Name what the tests of a file belong to."""
    folder, _, name = file.rpartition("/test_")
    if folder != "tests/flows" or name == "workers.py":  # which has a server of its own
        return file
    return f"{folder}, waiting" if name.removesuffix(".py") in WAITING else folder


def place(file: str) -> int:
    """Give the place of a file in the order of all."""
    return BEGIN_FIRST.index(file) if file in BEGIN_FIRST else len(BEGIN_FIRST)
