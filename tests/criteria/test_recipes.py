"""What the document says about leaving something out."""

import json
import re
from pathlib import Path

import pytest

from dicom_sieve.criteria import Decider, Verdict, advise, compile_criteria
from dicom_sieve.criteria.reading import read_criteria

DOCUMENT = Path(__file__).parents[2] / "docs" / "criteria.md"


@pytest.mark.parametrize(
    ("image_type", "verdict"),
    [
        (("ORIGINAL", "PRIMARY", "AXIAL"), Verdict.PASSED),
        (("ORIGINAL", "PRIMARY", "VOLUME"), Verdict.PASSED),
        (("ORIGINAL", "PRIMARY", "LOCALIZER"), Verdict.DISCARDED),
        (("DERIVED", "SECONDARY", "AXIAL"), Verdict.DISCARDED),
        (("ORIGINAL", "PRIMARY"), Verdict.DISCARDED),
    ],
)
def test_no_localizer_and_no_derived_image_passes(image_type: tuple[str, ...], verdict: Verdict) -> None:
    text = DOCUMENT.read_text(encoding="utf-8").partition("## Leaving something out")[2]
    found = re.search(r"```json\n(.*?)```", text, re.DOTALL)
    assert found is not None
    criteria, problems = read_criteria(json.loads(found[1]))
    compiled = compile_criteria(criteria)

    assert (problems, advise(compiled)) == ((), ())
    assert Decider(compiled).decide({"00080008": image_type}).verdict is verdict
