"""Programs around the package: how the real servers start."""
