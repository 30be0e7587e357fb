"""Memory that was freed is used again, not given back to the system and taken from it page by page."""

import subprocess
import sys

FAULTS = """
import resource, sys
from dicom_sieve.allocator import tune_allocator

if sys.argv[1] == "tuned":
    tune_allocator()

def work():
    columns = [b"1" * (1 << 20) for _ in range(32)]
    del columns

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

work()
before = faults()
for _ in range(20):
    work()
print(faults() - before)
"""


def count_faults(which: str) -> int:
    """Count the pages that the system gave to a process which takes 32 MiB and frees them, again and again."""
    done = subprocess.run([sys.executable, "-c", FAULTS, which], check=True, stdout=subprocess.PIPE, text=True)
    return int(done.stdout)


def test_freed_memory_is_used_again() -> None:
    """By default the system gives all of it, each time; a process of ours keeps it."""
    assert count_faults("tuned") * 10 < count_faults("as it is")
