"""Programs around the package: the demo, and how the real servers start."""
