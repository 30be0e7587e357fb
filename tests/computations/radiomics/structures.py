"""An RTSTRUCT of rectangles, written by hand."""

from collections.abc import Sequence

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

Rectangles = Sequence[tuple[int, int, int, int, int]]
"""Slice, first and last row, first and last column of each, the last ones included."""


def make_structures(slices: Sequence[Dataset], regions: Sequence[tuple[str, Rectangles]]) -> Dataset:
    """Contour regions on slices that lie along the patient's axes."""
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    made.file_meta.MediaStorageSOPClassUID = made.SOPClassUID = RTStructureSetStorage
    made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID = generate_uid()
    made.Modality = "RTSTRUCT"
    made.PatientID, made.PatientName = "1", "Roe^Jane"
    made.StudyInstanceUID, made.SeriesInstanceUID = slices[0].StudyInstanceUID, generate_uid()
    made.FrameOfReferenceUID = slices[0].FrameOfReferenceUID
    made.ReferencedFrameOfReferenceSequence = [_referred(slices)]
    made.StructureSetROISequence = [
        _item(
            ROINumber=number,
            ReferencedFrameOfReferenceUID=slices[0].FrameOfReferenceUID,
            ROIName=name,
            ROIGenerationAlgorithm="",
        )
        for number, (name, _) in enumerate(regions, 1)
    ]
    made.ROIContourSequence = [
        _item(
            ReferencedROINumber=number,
            ContourSequence=[_contour(slices, rectangle) for rectangle in rectangles],
        )
        for number, (_, rectangles) in enumerate(regions, 1)
    ]
    made.RTROIObservationsSequence = []
    return made


def _referred(slices: Sequence[Dataset]) -> Dataset:
    images = [
        _item(ReferencedSOPClassUID=each.SOPClassUID, ReferencedSOPInstanceUID=each.SOPInstanceUID) for each in slices
    ]
    series = _item(SeriesInstanceUID=slices[0].SeriesInstanceUID, ContourImageSequence=images)
    study = _item(
        ReferencedSOPClassUID="1.2.840.10008.3.1.2.3.1",
        ReferencedSOPInstanceUID=slices[0].StudyInstanceUID,
        RTReferencedSeriesSequence=[series],
    )
    return _item(FrameOfReferenceUID=slices[0].FrameOfReferenceUID, RTReferencedStudySequence=[study])


def _contour(slices: Sequence[Dataset], rectangle: tuple[int, int, int, int, int]) -> Dataset:
    place, top, bottom, left, right = rectangle
    image = slices[place]
    row, column = (float(value) for value in image.PixelSpacing)
    origin = np.array([float(value) for value in image.ImagePositionPatient])
    corners = [
        (top - 0.4, left - 0.4),
        (top - 0.4, right + 0.4),
        (bottom + 0.4, right + 0.4),
        (bottom + 0.4, left - 0.4),
    ]
    points = [origin + np.array([across * column, down * row, 0.0]) for down, across in corners]
    reference = _item(ReferencedSOPClassUID=image.SOPClassUID, ReferencedSOPInstanceUID=image.SOPInstanceUID)
    return _item(
        ContourImageSequence=[reference],
        ContourGeometricType="CLOSED_PLANAR",
        NumberOfContourPoints=4,
        ContourData=[f"{value:.6g}" for point in points for value in point],
    )


def _item(**values: object) -> Dataset:
    item = Dataset()
    for keyword, value in values.items():
        setattr(item, keyword, value)
    return item
