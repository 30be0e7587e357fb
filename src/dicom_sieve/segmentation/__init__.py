"""An example of a computation on series that passed: lungs and body in CT. Not for clinical use.

It needs the extra ``dicom-sieve[segmentation]``.
"""
