"""How scripts of CTP name elements: ``Modality``, ``[0008,0060]``, ``[00080060]``, ``[0043[GEMS_PARM_01]39]``."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydicom.datadict import private_dictionary_VR

from dicom_sieve.dicom.dictionary import Attribute
from dicom_sieve.dicom.vr.registry import VRS
from dicom_sieve.importers.interface import CannotSayError
from dicom_sieve.importers.texts import attribute_at, attribute_named

_TAG = re.compile(r"([0-9A-Fa-f]{1,4}),([0-9A-Fa-f]{1,4})|([0-9A-Fa-f]{5,8})")
_PRIVATE = re.compile(r"([0-9A-Fa-f]{1,4}),?\[([^\]]*)\],?([0-9A-Fa-f]{1,2})")
_OLD_NAMES = {
    "AcquisitionDatetime": "AcquisitionDateTime",
    "EchoNumber": "EchoNumbers",
    "OperatorName": "OperatorsName",
    "SoftwareVersion": "SoftwareVersions",
}
"""Names of dcm4che 1.4 that the standard has since written otherwise."""


@dataclass(frozen=True, slots=True)
class Element:
    """What a script looks at.

    Attributes:
        attribute: The attribute.
        more: Members of the criterion that say which, of a private one.
    """

    attribute: Attribute
    more: Mapping[str, Any] = field(default_factory=dict)


def find_element(name: str) -> Element:
    """Find what a script names.

    Raises:
        CannotSayError: It is not known, or lies in the first item of a sequence.
    """
    name = name.strip().removeprefix("root:").strip()
    if "::" in name:
        raise CannotSayError("CTP looks at the first item of a sequence alone; criteria look at every item")
    inner = name[1:-1].strip() if (name[:1], name[-1:]) in (("[", "]"), ("(", ")")) else name
    if private := _PRIVATE.fullmatch(inner):
        return _private(int(private[1], 16), private[2].strip(), int(private[3], 16))
    if tag := _TAG.fullmatch(inner):
        return Element(attribute_at(int(tag[3], 16) if tag[3] else int(tag[1], 16) << 16 | int(tag[2], 16)))
    return Element(attribute_named(_keyword(inner)))


def _keyword(name: str) -> str:
    """Give the keyword of a name of dcm4che 1.4, which shortens Sequence."""
    return _OLD_NAMES.get(name, f"{name.removesuffix('Seq')}Sequence" if name.endswith("Seq") else name)


def _private(group: int, creator: str, element: int) -> Element:
    if not group % 2:
        raise CannotSayError(f"group {group:04X} has no private elements: it is even")
    try:
        vr = private_dictionary_VR((group, 0x1000 | element), creator)
    except KeyError:
        vr = ""
    if vr not in VRS:
        raise CannotSayError(f"the VR of {group:04X},xx{element:02X} of {creator!r} is not known")
    return Element(Attribute(group << 16 | element, "", VRS[vr]), {"private_creator": creator, "vr": vr})
