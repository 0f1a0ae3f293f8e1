"""How well notices are read: class, recipients and status against a folder of real ones with a MANIFEST.json.

    python -m benchmarks.notices FOLDER [--half 0|1] [--show]

`--half` takes every second file only: rules written while looking at one half are measured on the other. "wrongly hard"
is what matters most: a notice read as the end of an address that was not.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from digest.inbound.notices import read_notice
from digest.models.notices import Notice

Compared = tuple[object, bool, object]  # what was read, whether that is right, what was wanted


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("--show", action="store_true", help="name what was read otherwise")
    given = parser.parse_args()
    mails = json.loads((given.folder / "MANIFEST.json").read_text())["mails"]
    if given.half is not None:
        mails = mails[given.half :: 2]
    right = {"class": [0, 0], "recipients": [0, 0], "status": [0, 0]}
    wrongly_hard = 0
    began = time.perf_counter()
    for mail in mails:
        notice = read_notice((given.folder / mail["file"]).read_bytes())
        kind = notice.kind.value if notice else "none"
        wanted = {mail["class"], *(mail["class_also_ok"] or ())}
        told = {
            "class": (kind, kind in wanted, wanted),
            "recipients": _compare_recipients(notice, mail),
            "status": _compare_status(notice, mail),
        }
        wrongly_hard += kind == "hard" and "hard" not in wanted
        for what, result in told.items():
            if result is not None:
                right[what][0] += result[1]
                right[what][1] += 1
                if given.show and not result[1]:
                    print(f"{mail['file']}: {what} is {result[0]}, wanted {result[2]}")
    seconds = time.perf_counter() - began
    for what, (good, of) in right.items():
        print(f"{what:<11} {good:>4} of {of:>4}  {100 * good / max(of, 1):5.1f} %")
    print(f"wrongly hard {wrongly_hard}; {1000 * seconds / len(mails):.1f} ms a notice")


def _compare_recipients(notice: Notice | None, mail: dict[str, Any]) -> Compared | None:
    if mail["recipients"] is None or mail["class"] == "none":
        return None
    found = {each.lower() for each in (notice.recipients if notice else ())}
    wanted = {each.lower() for each in mail["recipients"]}
    return found, found == wanted, wanted


def _compare_status(notice: Notice | None, mail: dict[str, Any]) -> Compared | None:
    if mail["status"] is None:
        return None
    found = notice.status if notice else ""
    return found, found == mail["status"], mail["status"]


if __name__ == "__main__":
    main()
