"""What passed, and the series of a run, in the formats of other programs; each export is a computation (ADR 51)."""

from dicom_sieve.computations.export.options import ExportOptions
from dicom_sieve.computations.export.run import Exported, export
from dicom_sieve.export_formats import EXPORTS, Format

__all__ = ["EXPORTS", "ExportOptions", "Exported", "Format", "export"]
