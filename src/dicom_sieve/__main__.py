"""``python -m dicom_sieve`` is the command."""

from dicom_sieve.cli import main

if __name__ == "__main__":
    main()
