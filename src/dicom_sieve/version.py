"""The version of this software, as runs and manifests record it."""

__version__ = "1.0.0"
