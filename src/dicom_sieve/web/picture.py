"""From the bytes of an object to a small picture, or to the reason why there is none.

Whatever an object says of itself may be a lie: this runs in a process of its own, whose memory and time have a bound.
"""

import io
import warnings
import zlib
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dicom_sieve.web.texts import later

LONGEST_SIDE = 320
"""Of the picture, in pixels."""
MOST_PIXELS = 32_000_000
"""Of one frame, before it is made smaller."""
MOST_FRAMES = 20_000
MOST_SAMPLES = 3
Grey = NDArray[np.float32]


class Reason(StrEnum):
    """Why there is no picture."""

    NO_PIXELS = later("no pixels")
    TOO_LARGE = later("too large")
    NOT_ALLOWED = later("not allowed")
    GONE = later("gone, or changed since")
    NOT_READ = later("cannot be read now")
    NOT_DECODED = later("this compression is not decoded here; dicom-sieve[segmentation] decodes more")
    DAMAGED = later("damaged, or not understood")


class NoPictureError(Exception):
    """There is no picture.

    Args:
        reason: Why.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


def draw(data: bytes) -> bytes:
    """Draw the middle frame of an object as PNG: in the window that its header says, else between percentiles.

    Raises:
        NoPictureError: It has no pixels, is too large, or cannot be decoded here.
    """
    import pydicom  # noqa: PLC0415 - only where pictures are drawn

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they quote values of patients
            instance = pydicom.dcmread(io.BytesIO(data))
            pixels = _smaller(_frame(instance))
            shown = pixels if pixels.ndim == 3 else _windowed(pixels.astype(np.float32), instance)
            return as_png(_as_bytes(shown))
    except NoPictureError:
        raise
    except MemoryError:
        raise NoPictureError(Reason.TOO_LARGE) from None
    except (RuntimeError, NotImplementedError):  # pydicom's, where no decoder is installed
        raise NoPictureError(Reason.NOT_DECODED) from None
    except Exception:
        raise NoPictureError(Reason.DAMAGED) from None


def _frame(instance: Any) -> NDArray[Any]:
    """Decode the middle frame; colours as RGB."""
    from pydicom.pixels.processing import apply_color_lut  # noqa: PLC0415 - as above
    from pydicom.pixels.utils import pixel_array  # noqa: PLC0415 - as above

    from dicom_sieve.computations.segmentation import jpeg_lossless  # noqa: PLC0415 - as above

    jpeg_lossless.install()
    if "PixelData" not in instance or not instance.get("Rows") or not instance.get("Columns"):
        raise NoPictureError(Reason.NO_PIXELS)
    frames = int(instance.get("NumberOfFrames") or 1)
    samples = int(instance.get("SamplesPerPixel") or 1)
    if instance.Rows * instance.Columns * samples > MOST_PIXELS or frames > MOST_FRAMES or samples > MOST_SAMPLES:
        raise NoPictureError(Reason.TOO_LARGE)
    pixels = pixel_array(instance, index=max(0, (frames - 1) // 2))
    if instance.get("PhotometricInterpretation") == "PALETTE COLOR":
        return np.asarray(apply_color_lut(pixels, instance)[..., :3])
    return np.asarray(pixels)


def _smaller(pixels: NDArray[Any]) -> NDArray[Any]:
    """Make the longest side at most `LONGEST_SIDE`, each pixel the mean of those that it stands for."""
    step = -(-max(pixels.shape[:2]) // LONGEST_SIDE)
    if step <= 1:
        return pixels
    rows, columns = (max(1, side // step) for side in pixels.shape[:2])
    if rows * step > pixels.shape[0] or columns * step > pixels.shape[1]:  # narrower than one step
        return pixels[::step, ::step]
    cut = pixels[: rows * step, : columns * step].astype(np.float32)
    mean: NDArray[Any] = cut.reshape(rows, step, columns, step, *pixels.shape[2:]).mean(axis=(1, 3))
    return mean.astype(pixels.dtype) if pixels.ndim == 3 else mean


def _windowed(pixels: Grey, instance: Any) -> Grey:
    """Give grey from 0 to 1 (PS3.3 C.11.1, C.11.2.1.2); MONOCHROME1 has its lowest value white."""
    slope, intercept = _number(instance, "RescaleSlope"), _number(instance, "RescaleIntercept")
    values = pixels * (1.0 if slope is None else slope) + (intercept or 0.0)
    center, width = _number(instance, "WindowCenter"), _number(instance, "WindowWidth")
    if center is None or width is None or width <= 0:
        finite = values[np.isfinite(values)]
        low, high = np.percentile(finite, (1, 99)) if finite.size else (0.0, 1.0)
    else:
        low, high = center - width / 2, center + width / 2
    grey = np.nan_to_num(np.clip((values - low) / max(high - low, 1e-6), 0.0, 1.0)).astype(np.float32)
    return 1.0 - grey if instance.get("PhotometricInterpretation") == "MONOCHROME1" else grey


def _number(instance: Any, keyword: str) -> float | None:
    """Give the first value of an attribute as a finite number; None: there is none."""
    value = instance.get(keyword)
    try:
        first = value[0] if isinstance(value, list | tuple) or hasattr(value, "__getitem__") else value
        number = float(first)
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def _as_bytes(shown: NDArray[Any]) -> NDArray[np.uint8]:
    """Give eight bits a sample."""
    if shown.dtype.kind == "f":
        grey: NDArray[np.uint8] = (np.clip(shown, 0.0, 1.0) * 255).astype(np.uint8)
        return grey
    bits = 8 * shown.dtype.itemsize
    eight: NDArray[np.uint8] = (shown >> max(0, bits - 8)).astype(np.uint8)
    return eight


def as_png(pixels: NDArray[np.uint8]) -> bytes:
    """Write PNG (ISO 15948): grey, or RGB where there is a third dimension."""
    height, width = pixels.shape[:2]
    rows = pixels.reshape(height, -1)
    filtered = np.hstack([np.zeros((height, 1), np.uint8), rows]).tobytes()
    kind = b"\x02" if pixels.ndim == 3 else b"\x00"
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08" + kind + b"\x00\x00\x00"
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(filtered, 6)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
