"""What a server that ``dicom-sieve up`` starts is told on its command line."""

import argparse


def read_arguments(description: str | None) -> argparse.Namespace:
    """Give ``host``, ``port`` and the names by which the server may be called, ``allow_host``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--host", required=True)
    parser.add_argument("--port", required=True, type=int)
    parser.add_argument("--allow-host", action="append", default=[], metavar="NAME")
    return parser.parse_args()
