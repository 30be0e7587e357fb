"""The demo from beginning to end."""

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import FrameType

from dicom_sieve.computations.radiomics import RADIOMICS
from dicom_sieve.computations.segmentation import LUNG_SEGMENTATION
from dicom_sieve.demo import BUCKET, ODD_KEY, PLAIN_KEY
from dicom_sieve.demo.directory import screen_directory
from dicom_sieve.demo.servers import DemoError, Servers
from dicom_sieve.demo.summary import summarize
from dicom_sieve.ledger import open_ledger

MARK = "made-by-dicom-sieve-demo"
AUTH = ("PREFECT_SERVER_API_AUTH_STRING", "PREFECT_API_AUTH_STRING", "PREFECT_API_URL")


def run_demo(folder: Path, *, keep: bool = False) -> None:
    """Run the demo, and print what came of it.

    Args:
        folder: Where all of it is kept; what an earlier demo left there is removed.
        keep: Leave the servers running until Ctrl-C.

    Raises:
        DemoError: The folder holds something else, or a server does not do what is asked of it.
    """
    _recreate(folder)
    database = f"sqlite:///{folder / 'ledger.db'}"
    outside = {name: value for name, value in os.environ.items() if name not in AUTH}
    environment = {**outside, "DICOM_SIEVE_DATABASE_URL": database, "AWS_EC2_METADATA_DISABLED": "true"}
    computing = []
    for kind in (LUNG_SEGMENTATION, RADIOMICS):  # features are those of what was segmented
        if without := kind.describe_missing():
            _say(f"without {kind.name}: {without}")
            break
        computing.append(kind)
    if find_spec("moto") is None or find_spec("flask") is None:
        _say("no S3 server here: a directory is screened; with Prefect and S3: pip install 'dicom-sieve[demo]'")
        run = screen_directory(folder, database, computing=computing, say=_say)
        _show_end(folder, database, run, str(folder / "images"), PLAIN_KEY)
        return
    servers = Servers(folder, environment, computing)
    with _interruptible(), servers.running():
        run = servers.screen(_say)
        _show_end(folder, database, run, f"s3://{BUCKET}", ODD_KEY)
        if keep:
            _print("", *servers.links(run), "left running; stop with Ctrl-C")
            signal.pause()
        else:
            _print("", "to look at it in Prefect, too: the same again with --keep (make demo KEEP=1)")


def _show_end(folder: Path, database: str, run: str, location: str, key: str) -> None:
    with open_ledger(database) as ledger:
        lines, result = summarize(ledger, run, key)
    stricter = folder / "stricter.json"
    stricter.write_text('[{"dicom_tag": "Modality", "operation": "EQUALS", "reference": "CT"}]\n')
    program = _program()
    commands = (
        ("report", run, "--output", str(folder / "report.html")),
        ("series", run, "--selection", "WHOLE"),
        ("trace", result or key),
        ("values", location, "Modality"),
        ("compare", run, str(stricter)),
    )
    _print("", *lines, "", "go on in a shell:")
    _print(f"  export DICOM_SIEVE_DATABASE_URL={shlex.quote(database)}")
    _print(*(f"  {program} {shlex.join(command)}" for command in commands))


def _program() -> str:
    """Give what starts this program in the user's shell."""
    beside = Path(sys.executable).with_name("dicom-sieve")
    found = shutil.which("dicom-sieve")
    if found and Path(found).resolve() == beside.resolve():
        return "dicom-sieve"
    return shlex.quote(str(beside)) if beside.exists() else f"{shlex.quote(sys.executable)} -m dicom_sieve"


def _recreate(folder: Path) -> None:
    """Make the folder for its owner alone: reports and ledgers tell of patients' values."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise DemoError(f"{folder} holds something that no demo made; name another with --folder, or remove it")
    shutil.rmtree(folder, ignore_errors=True)
    os.umask(0o077)
    folder.mkdir(mode=0o700, parents=True)
    (folder / MARK).touch()


@contextmanager
def _interruptible() -> Iterator[None]:
    """Stop the servers at SIGTERM, too."""
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    _print(f"== {text}")


def _print(*lines: str) -> None:
    write: Sequence[str] = [f"{line}\n" for line in lines]
    sys.stdout.writelines(write)
    sys.stdout.flush()
