"""The time, where nobody gives another clock."""

import datetime


def now() -> datetime.datetime:
    """Give the time, with its zone."""
    return datetime.datetime.now(datetime.UTC)
