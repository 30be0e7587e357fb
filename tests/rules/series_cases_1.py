"""Rules R023 to R065 as plain Python, with series: how many slices and volumes, and what a study holds."""

from typing import Any

from pydicom.dataset import Dataset

from tests.rules.datasets import Values, low, text, texts
from tests.rules.series_corpus import (
    CORONAL,
    SAGITTAL,
    Corpus,
    SeriesCase,
    apart,
    change,
    image,
    slices,
    stack,
    volumes,
)

D, P = "SeriesDescription", "ProtocolName"
RUN, MOCO = "ge_functionals_128_PACE_ACPC-30", "ORIGINAL\\PRIMARY\\MOCO"
LOCALIZER = image(ImageOrientationPatient=SAGITTAL, ImagePositionPatient="0 0 0", InstanceNumber="1")


def is_run(one: Dataset, of: Corpus) -> bool:
    """Tell whether it is of a run of 156 volumes that is not motion-corrected."""
    return RUN in text(one, P) and "MOCO" not in texts(one, "ImageType") and of.series(one).volumes == 156


def is_fifth_run(one: Dataset, of: Corpus) -> bool:
    """Tell whether a run is behind another one of its study."""
    return is_run(one, of) and any(
        is_run(other, of) and other.SeriesNumber < one.SeriesNumber
        for other in of.study(one).firsts
        if other.get("SeriesNumber") is not None and one.get("SeriesNumber") is not None
    )


def runs(*numbers: str | None, count: int = 156, **values: Any) -> list[Values]:
    """Give a study with a run for each series number."""
    alike = {P: f"{RUN} a", "ImageType": "ORIGINAL\\PRIMARY\\M", **values}
    return apart(*(volumes(count, SeriesNumber=number, **alike) for number in numbers))


def session(*names: str) -> list[Values]:
    """Give a study with a series of two images for each protocol name."""
    return apart(*([image(ProtocolName=name)] * 2 for name in names))


def is_complete(one: Dataset, of: Corpus) -> bool:
    """Tell whether a study has one T1, one T2, four diffusion, four rest and ten task series."""
    study = of.study(one)
    wanted = {("T1w",): 1, ("T2w",): 1, ("dMRI_dir9",): 4, ("fMRI_rest",): 4, TASKS: 10}

    def count_named(names: tuple[str, ...]) -> int:
        return study.series(lambda other: any(name in text(other, P) for name in names))

    return all(count_named(names) == count for names, count in wanted.items())


TASKS = ("fMRI_face", "fMRI_conflict", "fMRI_gambling")
DIFFUSION, REST = (
    ["dMRI_dir98_AP", "dMRI_dir98_PA", "dMRI_dir99_AP", "dMRI_dir99_PA"],
    [f"fMRI_rest{n}" for n in "1234"],
)
TASK_RUNS = [f"{name}{number}" for name, number in zip(TASKS, (2, 4, 4), strict=True) for number in range(number)]
WHOLE = ["T1w_MPR", "T2w_SPC", *DIFFUSION, *REST, *TASK_RUNS]
EPI = volumes(300, 28, ProtocolName="EPI_2mm", Columns=128)
DWI: dict[str, Any] = {P: "DIFFUSION_HighRes"}
HARDI: dict[str, Any] = {D: "HARDI b3000", "ImageType": "ORIGINAL\\PRIMARY"}

CASES = {
    "R023": SeriesCase(
        is_fifth_run,
        {
            "only run": runs("5"),
            "fifth": runs("3", "9"),
            "the next number": runs("3", "4"),
            "three of one number": runs("4", "4", "4"),
            "no number": runs("3", None),
            "155 volumes": runs("3", count=155) + runs("9"),
            "157 volumes": runs("3") + runs("9", count=157),
            "run before moved": runs("3", ImageType=MOCO) + runs("9"),
            "moved itself": runs("3") + runs("9", ImageType=MOCO),
            "no image type before": runs("3", ImageType=None) + runs("9"),
            "other case": runs("3", "9", ProtocolName=RUN.upper()),
            "other case after": runs("3") + runs("9", ProtocolName=RUN.upper()),
            "other case before": runs("3", ProtocolName=RUN.upper()) + runs("9"),
            "no image type": runs("3") + runs("9", ImageType=None),
            "other name before": runs("3", ProtocolName="localizer") + runs("9"),
            "no name": runs("3") + runs("9", ProtocolName=None),
            "one image more": [*runs("3"), *change(runs("9"), [155], ImagePositionPatient="0 0 5")],
        },
    ),
    "R024": SeriesCase(
        lambda one, of: of.series(one).slices > 1 and of.series(one).volumes == 70 and "DIFFUSION" in text(one, P),
        {
            "good": volumes(70, 2, **DWI),
            "names": change(change(volumes(70, 2, **DWI), [3], ProtocolName="diffusion"), [4], ProtocolName=None),
            "one slice": volumes(70, 1, **DWI),
            "69 volumes": volumes(69, 2, **DWI),
            "71 volumes": volumes(71, 2, **DWI),
            "one image lost": volumes(70, 2, **DWI)[:-1],
            "localizer among them": [*volumes(70, 2, **DWI), {**LOCALIZER, **DWI}],
            "no position of one": change(volumes(70, 2, **DWI), [9], ImagePositionPatient=None),
            "no orientation": volumes(70, 2, ImageOrientationPatient=None, **DWI),
            "coronal": volumes(70, 2, ImageOrientationPatient=CORONAL, **DWI),
            "along rows": stack((f"0 {number % 2} 0" for number in range(140)), ImageOrientationPatient=CORONAL, **DWI),
        },
    ),
    "R025": SeriesCase(
        lambda one, of: of.series(one).slices == 208 and "T2w" in text(one, P),
        {
            "good": change(slices(208, 0.8, ProtocolName="T2w_SPC"), [5, 6], ProtocolName="t2w"),
            "207": slices(207, 0.8, ProtocolName="T2w_SPC"),
            "209": slices(209, 0.8, ProtocolName="T2w_SPC"),
            "gap": [*slices(207, 0.8, ProtocolName="T2w_SPC"), *stack([900], ProtocolName="T2w_SPC")],
            "one twice": [*slices(208, 0.8, ProtocolName="T2w_SPC"), *stack([0], ProtocolName="T2w_SPC")],
            "sagittal": stack(
                (f"{number} 0 0" for number in range(208)), ImageOrientationPatient=SAGITTAL, ProtocolName="T2w_SPC"
            ),
            "localizer among them": [*slices(208, ProtocolName="T2w_SPC"), {**LOCALIZER, P: "T2w_SPC"}],
        },
    ),
    "R026": SeriesCase(
        lambda one, of: (
            any(name in text(one, P) for name in ("dMRI_dir98_AP", "dMRI_dir99_AP")) and of.series(one).volumes >= 99
        ),
        {
            "good": volumes(99, ProtocolName="dMRI_dir98_AP"),
            "100": change(volumes(100, ProtocolName="x_dMRI_dir99_AP"), [0], ProtocolName="dMRI_dir99_PA"),
            "other case": volumes(99, ProtocolName="DMRI_DIR98_AP"),
            "98": volumes(98, ProtocolName="dMRI_dir98_AP"),
            "no name": volumes(99, ProtocolName=None),
            "uneven": [*volumes(99, 2, ProtocolName="dMRI_dir98_AP"), *stack([0], ProtocolName="dMRI_dir98_AP")],
        },
    ),
    "R028": SeriesCase(
        lambda one, of: (
            of.series(one).volumes in (420, 215, 338, 280) and "fMRI" in text(one, P) and "rest" in text(one, P)
        ),
        {
            **{f"{count}": volumes(count, ProtocolName="fMRI_rest_AP") for count in (215, 420, 338, 280, 216, 279, 1)},
            "names": [
                {**one, P: (None, "fMRI_task", "rest", "REST fMRI", "rest_fMRI", "rest_FMRI")[number % 6]}
                for number, one in enumerate(volumes(215))
            ],
            "no geometry": volumes(215, ProtocolName="fMRI_rest", ImageOrientationPatient=None),
        },
    ),
    "R029": SeriesCase(
        lambda one, of: of.series(one).volumes == 1 and "SBRef" in text(one, D),
        {
            "good": slices(3, 2, SeriesDescription="rest_SBRef"),
            "one image": slices(1, SeriesDescription="SBRef"),
            "two volumes": volumes(2, 3, SeriesDescription="rest_SBRef"),
            "other case": change(slices(3, SeriesDescription="SBRef"), [0], SeriesDescription="sbref"),
            "no description": slices(3),
            "one twice": [*slices(3, SeriesDescription="SBRef"), *stack([0], SeriesDescription="SBRef")],
        },
    ),
    "R030": SeriesCase(
        is_complete,
        {
            "good": session(*WHOLE),
            "with a localizer": session(*WHOLE, "localizer"),
            **{f"without {name}": session(*(each for each in WHOLE if each != name)) for name in WHOLE[::4]},
            "second T1": session(*WHOLE, "T1w_MPR again"),
            "second T2": session(*WHOLE, "T2w"),
            "fifth diffusion": session(*WHOLE, "dMRI_dir95"),
            "fifth rest": session(*WHOLE, "fMRI_rest5"),
            "eleventh task": session(*WHOLE, "fMRI_face9"),
            **{f"other case of {name}": session(*(name.lower(), *WHOLE[1:])) for name in WHOLE[:1]},
            **{
                f"more, in other case, of {name}": session(*WHOLE, name.lower())
                for name in ("T1w", "T2w", "dMRI_dir9", "fMRI_rest", "fMRI_face")
            },
            "no name": [image(SeriesDescription="T1w")],
            "of no study": [{**one, "StudyInstanceUID": None} for one in session(*WHOLE)],
        },
    ),
    "R034": SeriesCase(
        lambda one, of: (
            text(one, "Columns") == "128"
            and of.series(one).slices == 28
            and of.series(one).volumes == 300
            and "EPI" in text(one, P)
        ),
        {
            "good": change(
                change(change(change(EPI, [3], Columns=64), [4], Columns=None), [5], ProtocolName="epi"),
                [6],
                ProtocolName=None,
            ),
            "one slice": volumes(300, 1, ProtocolName="EPI", Columns=128),
            "one volume": volumes(1, 28, ProtocolName="EPI", Columns=128),
        },
    ),
    "R040": SeriesCase(
        lambda one, of: (
            "HARDI" in text(one, D) and "MOCO" not in texts(one, "ImageType") and of.series(one).volumes == 94
        ),
        {
            "good": change(change(volumes(94, **HARDI), [3], SeriesDescription="hardi"), [4], ImageType=MOCO),
            "no image type": volumes(94, SeriesDescription="HARDI"),
            "93": volumes(93, **HARDI),
            "95": volumes(95, **HARDI),
            "two slices": volumes(94, 2, **HARDI),
            "no description": volumes(94),
        },
    ),
    "R065": SeriesCase(
        lambda one, of: (
            of.study(one).series(lambda other: "axial t2" in low(other, D)) >= 1
            and of.study(one).series(lambda other: any(name in low(other, D) for name in ("sag t1 gre", "sag t1 tse")))
            >= 1
        ),
        {
            "good": [
                *apart(
                    [image(SeriesDescription="Axial T2 FLAIR")],
                    [image(SeriesDescription="Sag T1 GRE"), image()],
                    [image(SeriesDescription="localizer")],
                ),
            ],
            "one series has both": [image(SeriesDescription="axial t2"), image(SeriesDescription="SAG T1 TSE")],
            "axial alone": [image(SeriesDescription="Axial T2"), image(SeriesDescription="Sag T1")],
            "sagittal alone": [image(SeriesDescription="Sag T1 TSE")],
            "in two studies": [
                image(SeriesDescription="Axial T2", StudyInstanceUID="1.7.2"),
                image(SeriesDescription="Sag T1 TSE", StudyInstanceUID="1.7.3", SeriesInstanceUID="1.7.3.1"),
            ],
            "none": [image()],
        },
    ),
}
