"""How well people's mails are read, against a folder of real ones with a MANIFEST.json.

    python -m benchmarks.commands FOLDER [--half 0|1] [--show]

Counted: sender, subject and first line as two independent decoders have them; machines taken for people (which would be
answered), people recognised, and commands found, of which such a folder holds none. `--half` takes every second file
only: rules written while looking at one half are measured on the other.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from digest.inbound import mailtext
from digest.inbound.classify import Nature, Ours, judge
from digest.inbound.commands import read_commands

NOBODY = Ours(lambda _address: False, frozenset(), "news@example.com")  # nothing is ours here


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--half", type=int, choices=(0, 1))
    parser.add_argument("--show", action="store_true", help="name what was read otherwise")
    given = parser.parse_args()
    mails = json.loads((given.folder / "MANIFEST.json").read_text())["mails"]
    if given.half is not None:
        mails = mails[given.half :: 2]
    right = {name: [0, 0] for name in ("sender", "subject", "first line", "people", "machines")}
    commands, began = 0, time.perf_counter()
    for row in mails:
        mail = mailtext.read((given.folder / row["file"]).read_bytes())
        is_person = judge(mail, envelope_from=None, ours=NOBODY).nature is Nature.PERSON
        commands += bool(read_commands(mail))
        for name, is_right in _compare(row, mail, is_person=is_person):
            right[name][0] += is_right
            right[name][1] += 1
            if given.show and not is_right:
                print(f"{row['file']}: {name}")
    seconds = time.perf_counter() - began
    for name, (good, of) in right.items():
        print(f"{name:<11} {good:>4} of {of:>4}  {100 * good / max(of, 1):5.1f} %")
    answered = right["machines"][1] - right["machines"][0]
    print(f"machines answered {answered}; taken for commands {commands}; {1000 * seconds / len(mails):.1f} ms a mail")


def _compare(row: dict[str, Any], mail: mailtext.Reading, *, is_person: bool) -> list[tuple[str, bool]]:
    """Return what was compared and whether it is right; what the folder is not sure of is left out."""
    first = next((line for line in mail.text.split("\n") if line.strip()), "")
    read = {"sender": mail.sender.address if mail.sender else "", "subject": mail.subject, "first line": first}
    wanted = {"sender": row.get("sender"), "subject": row.get("subject"), "first line": row.get("first_text_line")}
    compared = [(name, _same(wanted[name], value)) for name, value in read.items() if wanted[name]]
    if row.get("is_auto") is not None:
        compared.append(("machines", not is_person) if row["is_auto"] else ("people", is_person))
    return compared


def _same(wanted: str, read: str) -> bool:
    return "".join(wanted.split()).casefold() == "".join(read.split()).casefold()


if __name__ == "__main__":
    main()
