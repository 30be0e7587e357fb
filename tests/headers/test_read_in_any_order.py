"""What was read before changes nothing of what is read: each object is what it is when nothing is known yet."""

import random

import pytest

from dicom_sieve.headers import Instance, NeedMore, Window, scan
from dicom_sieve.headers.quick import forget
from tests.screening.made_series import some_world

INFLATED = 1 << 20


def read(data: bytes) -> Instance:
    window = Window(len(data))
    window.add(0, data)
    answer = scan(window, inflated_limit=INFLATED)
    assert not isinstance(answer, NeedMore)
    return answer


@pytest.mark.parametrize("seed", [20_261_130, *range(5)])
def test_objects_are_read_alike_in_any_order(seed: int) -> None:
    """With the first seed SliceLocation was taken for NumberOfFrames: a row left the bytes that another row leaves."""
    objects = {key: each.data for key, each in some_world(random.Random(seed), "1", 40).items()}
    expected = {}
    for key, data in objects.items():
        forget()
        expected[key] = read(data)
    forget()

    for turn in range(8):
        keys = [*objects]
        random.Random(turn).shuffle(keys)
        for key in keys:
            found = read(objects[key])
            assert (found.own, found.header.attributes) == (expected[key].own, expected[key].header.attributes), key
