"""The version of this software, as runs and manifests record it."""

__version__ = "0.2.0"
