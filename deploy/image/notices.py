"""Write the licences of what is installed beside this Python: which distribution, which licence, where its text is."""

import sys
from importlib.metadata import Distribution, distributions

HEAD = """\
dicom-sieve is under the MIT licence. This image holds it with the Python distributions that are listed below, as
published on the Python Package Index, unchanged, and with Debian packages, whose licences are in
/usr/share/doc/*/copyright.

Libraries under the LGPL (psycopg, psycopg-binary and what else the list names) are used unchanged, as modules of their
own in site-packages, where another version may take their place:
  pip --python /opt/dicom-sieve/bin/python install psycopg==VERSION
Their source is the source distribution of the same version on the Python Package Index. The texts of GPL and LGPL are
in /usr/share/common-licenses.
"""


def licence_of(distribution: Distribution) -> str:
    """Give the licence as the distribution names it: an expression, else classifiers, else a short text."""
    metadata = distribution.metadata
    classifiers = [
        classifier.rpartition(" :: ")[2]
        for classifier in metadata.get_all("Classifier", [])
        if classifier.startswith("License :: ") and classifier != "License :: OSI Approved"
    ]
    [text, *_] = (metadata.get("License") or "").strip().splitlines() or [""]
    return metadata.get("License-Expression") or ", ".join(classifiers) or text or "see its files"


def notice_of(distribution: Distribution) -> str:
    """Give the lines of one distribution."""
    texts = [
        str(file.locate())
        for file in distribution.files or ()
        if ".dist-info" in str(file) and file.name.upper().startswith(("LICEN", "COPYING", "NOTICE", "AUTHORS"))
    ]
    return "\n".join([f"{distribution.name} {distribution.version}: {licence_of(distribution)}", *sorted(texts)])


if __name__ == "__main__":
    found = sorted(distributions(), key=lambda distribution: distribution.name.lower())
    sys.stdout.write("\n\n".join([HEAD, *map(notice_of, found)]) + "\n")
