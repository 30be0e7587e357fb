"""JPEG Lossless for pydicom: CT is often kept so, and pydicom decodes it only with what is not installed with it.

The decoder is that of imagecodecs (BSD); that of pylibjpeg-libjpeg is under the GPL, and is not asked for. Where it is
installed all the same, pydicom takes whichever it knows first.
"""

from importlib.util import find_spec

import numpy as np
from pydicom.pixels.decoders.base import DecodeRunner, JPEGLosslessDecoder, JPEGLosslessSV1Decoder
from pydicom.uid import JPEGLossless, JPEGLosslessSV1

LABEL = "imagecodecs"
DECODER_DEPENDENCIES = {JPEGLossless: ("numpy", LABEL), JPEGLosslessSV1: ("numpy", LABEL)}
"""As pydicom asks of a plugin: what it needs, for each transfer syntax."""


def install() -> None:
    """Make it known to pydicom, where it is installed; a second time changes nothing. Not for several threads."""
    for decoder in (JPEGLosslessDecoder, JPEGLosslessSV1Decoder):
        if is_available(decoder.UID) and LABEL not in decoder.available_plugins:
            decoder.add_plugin(LABEL, (__name__, "decode_frame"))


def is_available(_uid: str) -> bool:
    """Tell pydicom whether it can decode."""
    return find_spec(LABEL) is not None


def decode_frame(encoded: bytes, runner: DecodeRunner) -> bytes:
    """Decode one frame (PS3.5 A.4.1), as pydicom asks of a plugin.

    Raises:
        ValueError: The bytes are no JPEG Lossless.
    """
    from imagecodecs import Jpegsof3Error, jpegsof3_decode  # noqa: PLC0415 - 45 MB that only these images need

    try:
        frame: np.ndarray[tuple[int, ...], np.dtype[np.generic]] = jpegsof3_decode(encoded)
    except Jpegsof3Error as error:
        raise ValueError("no JPEG Lossless") from error
    runner.set_option("bits_allocated", 8 * frame.dtype.itemsize)
    runner.set_option("planar_configuration", 0)
    return frame.astype(frame.dtype.newbyteorder("<")).tobytes()
