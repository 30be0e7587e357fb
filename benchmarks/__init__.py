"""One file per promise; each prints ratios of one run. `python -m benchmarks` runs them all."""
