"""Rules of other tools, as criteria. Pure: the text of a file in, criteria and what they leave out out."""

from dicom_sieve.importers.interface import Imported
from dicom_sieve.importers.registry import IMPORTERS, import_rules
from dicom_sieve.importers.together import find_rule, put_together

__all__ = ["IMPORTERS", "Imported", "find_rule", "import_rules", "put_together"]
