"""What a result takes over of a slice: the slice stays as it is."""

from dicom_sieve.computations.segmentation.source import as_source
from tests.computations.segmentation.phantom import Phantom


def test_the_instance_stays_as_it_is() -> None:
    [instance, *_] = Phantom(shape=(2, 8, 8)).instances()
    instance.PatientName, instance.SliceThickness, instance.PatientSex = "A", "7", "X"
    before = instance.to_json()

    source = as_source(instance, 2.5)

    assert instance.to_json() == before
    assert (source.SliceThickness, source.PatientSex, source.PatientName) == (2.5, "", "A")
