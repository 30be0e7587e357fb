"""The tools whose files are imported; another one is one module, and a line here."""

from collections.abc import Mapping, Sequence

from dicom_sieve.importers.bidscoin import import_bidscoin
from dicom_sieve.importers.ctp import import_ctp
from dicom_sieve.importers.dcm2bids import import_dcm2bids
from dicom_sieve.importers.interface import Imported, Importer
from dicom_sieve.importers.mercure import import_mercure
from dicom_sieve.importers.monai import import_monai
from dicom_sieve.importers.pixl import import_pixl

IMPORTERS: Mapping[str, Importer] = {
    "dcm2bids": import_dcm2bids,
    "bidscoin": import_bidscoin,
    "mercure": import_mercure,
    "monai": import_monai,
    "ctp": import_ctp,
    "pixl": import_pixl,
}
"""By the name of the tool."""


def import_rules(tool: str, text: str) -> Sequence[Imported]:
    """Import the rules of a file.

    Args:
        tool: Whose; a name of `IMPORTERS`.
        text: The file.

    Raises:
        InvalidRequestError: The text is no file of the tool.
    """
    return IMPORTERS[tool](text)
