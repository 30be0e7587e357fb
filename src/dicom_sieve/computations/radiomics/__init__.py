"""Radiomics features of regions in series that passed, as the Image Biomarker Standardisation Initiative defines them.

It needs the extra ``dicom-sieve[radiomics]``.
"""
