"""How to extend dicom-sieve, by examples that the tests run. See docs/extending.md."""
