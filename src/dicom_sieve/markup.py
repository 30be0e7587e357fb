"""What all HTML of this package has in common: templates that escape, and a style that stands in a file of its own."""

import base64
import hashlib
from collections.abc import Sequence

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup


def make_environment(packages: Sequence[str], *, extensions: Sequence[str] = ()) -> Environment:
    """Give the templates of packages, the first one's before those of others; everything in them is escaped."""
    made = Environment(
        loader=ChoiceLoader([PackageLoader(package, "templates") for package in packages]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=list(extensions),
    )
    made.filters.update(number=lambda number: f"{number:,}")
    return made


def inline(style: str) -> dict[str, str]:
    """Give a style sheet of ours for a file of HTML: itself, and the digest that lets the file's policy allow it."""
    return {
        "style": Markup(style),  # noqa: S704 - a file of ours
        "style_digest": base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    }
