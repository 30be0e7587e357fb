"""Fuzzing the readers of headers: `python -m tests.fuzz --seconds 300`, guided by coverage (Atheris)."""
