"""Kinds for the tests of workers: what a series may ask, what may go wrong, and what kills a process."""

import json
import os
import signal
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dicom_sieve.computations import Computation, Series
from dicom_sieve.computations.beside import Beside, of_objects
from dicom_sieve.computations.kind import Computes, Kind
from dicom_sieve.errors import RefusedError
from dicom_sieve.ledger.reading.inputs import InputSeries
from dicom_sieve.ledger.reading.regions import Region
from dicom_sieve.workers.resources import VISIBLE_DEVICES, Resources

PLANTED = "PLANTED^NAME"


def tell_all(series: Series) -> None:
    """Record all that a series tells; one is refused, one fails on a planted value."""
    number = int(series.uid.rpartition(".")[2])
    if number == 3:
        raise RefusedError("it is the third")
    if number == 4:
        raise ValueError(PLANTED)
    series.computation.log.keep_text(series.uid, f"log of {series.uid}")
    told = {
        "uid": series.uid,
        "study": series.input.study_instance_uid,
        "instances": [str(each.SOPInstanceUID) for each in series.open_instances()],
        "files": [file.stat().st_size for file in series.download()],
        "facts": {name: str(value) for name, value in series.facts.items()},
        "about": dict(series.about),
        "beside": [each.digest for each in series.beside],
        "new": series.new_uid("result"),
        "parameters": dict(series.computation.parameters),
        "run": series.computation.run.id,
        "name": series.computation.name,
    }
    series.record_output(json.dumps(told, sort_keys=True).encode(), name="told.json")
    series.record_output(series.download()[0], name="first.dcm")
    [source] = series.beside
    series.record_region(Region("all", {"number": float(number), "none": None}), source)


def _beside(computation: Computation, series: InputSeries) -> Sequence[Beside]:
    assert computation.inputs is not None
    return of_objects([series.instances[0].info], computation.inputs)


def _about(computation: Computation, series: InputSeries) -> Mapping[str, Any]:
    return {"instances": len(series.instances), "run": computation.run.id}


def die(folder: Path, times: int, series: Series) -> None:
    """Kill the process of the second series, some times; each attempt leaves a file."""
    if series.uid.endswith(".2") and len(list(folder.iterdir())) < times:
        (folder / f"{time.monotonic_ns()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    series.record_output(b"done", name="done")


def tell_process(folder: Path, series: Series) -> None:
    """Tell which process it is, which GPU it has, and how many are at work."""
    mark = folder / series.uid
    mark.touch()
    time.sleep(0.2)
    told = {"pid": os.getpid(), "gpu": os.environ.get(VISIBLE_DEVICES), "together": len(list(folder.iterdir()))}
    mark.unlink()
    series.record_output(json.dumps(told).encode(), name="told.json")


def sleep(folder: Path, series: Series) -> None:
    """Say that it is at work, and do not end."""
    (folder / series.uid).touch()
    time.sleep(600)


def _load(computes: Computes) -> Computes:
    return computes


def kind(name: str, computes: Computes, **more: Any) -> Kind:
    """Make a kind of a function that is at the top of a module."""
    return Kind(name, "1.0", "For tests.", "done", partial(_load, computes), **more)


TELLS_ALL = kind("tells-all", tell_all, beside=_beside, about=_about, read_parameters=lambda _: {"deep": [1, {"a": 2}]})


def dies(folder: Path, times: int) -> Kind:
    return kind("dies", partial(die, folder, times), own_process=True)


def tells_process(folder: Path, **more: Any) -> Kind:
    return kind("tells-process", partial(tell_process, folder), resources=Resources(**more), own_process=True)


def sleeps(home: Path) -> Kind:
    return kind("sleeps", partial(sleep, home / "sleeping"), own_process=True)
