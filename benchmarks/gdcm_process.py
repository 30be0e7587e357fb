"""Times GDCM's Scanner. Runs in an environment of its own, where nothing of this project is.

Reads one line of JSON a turn: the tags, and the files to scan. Answers with a line: what it took, and how many files
it could read.
"""

import json
import sys
import time

import gdcm


def main() -> None:
    """Answer until the input ends."""
    for line in sys.stdin:
        turn = json.loads(line)
        scanner = gdcm.Scanner()
        for tag in turn["tags"]:
            scanner.AddTag(gdcm.Tag(tag >> 16, tag & 0xFFFF))
        files = gdcm.FilenamesType(turn["files"])
        wall, cpu = time.perf_counter(), time.process_time()
        scanner.Scan(files)
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        read = [file for file in turn["files"] if scanner.IsKey(file)]
        sys.stdout.write(json.dumps({"spent": spent, "read": read}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
