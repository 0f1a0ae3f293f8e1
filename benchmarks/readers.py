"""A list of readers from elsewhere: `digest subscribers import` as an operator runs it, on both databases.

Makes a CSV file (CP949, as Excel in Korea saves it: address, name, state, day; one line in fifty is refused for some
reason), imports it into a database with the ledger of consents, and prints the seconds of the whole command, report of
refused lines included, and a JSON line.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import ledger

_EXAMPLE = Path(__file__).resolve().parents[1] / "config.example.env"


def write_list(path: Path, lines: int) -> int:
    """Write a list; return how many of its lines are readers to be added."""
    refused = ("수신거부", "자동삭제")
    with path.open("w", encoding="cp949", newline="") as file:
        file.write("이메일 주소,이름,구독 상태,구독일,광고성 정보 수신 동의\r\n")
        for number in range(lines):
            state = refused[number % 2] if number % 50 == 0 else "구독중"
            address = f"reader{number}@d{number % 1000}.example"
            file.write(f"{address},김가온,{state},2025-03-02 10:00,{'동의' if number % 3 else ''}\r\n")
    return lines - len(range(0, lines, 50))


def measure(url: str, lines: int) -> float:
    """Return the seconds that the import of so many lines took, from the start of the command to its end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        text = _EXAMPLE.read_text(encoding="utf-8").replace("SECRET_KEY=\n", f"SECRET_KEY={'benchmark' * 4}\n", 1)
        (folder / ".env").write_text(text, encoding="utf-8")
        readers = write_list(folder / "list.csv", lines)
        environment = {"DATABASE_URL": url, "PYTHONPATH": str(_EXAMPLE.parent), "LC_ALL": "C.UTF-8"}
        digest = [sys.executable, "-m", "digest"]
        subprocess.run([*digest, "migrate"], cwd=folder, env=environment, check=True, capture_output=True)
        words = ["subscribers", "import", "list.csv", "--source", "benchmark", "--slot", "example", "--yes"]
        began = time.perf_counter()
        done = subprocess.run([*digest, *words], cwd=folder, env=environment, check=False, capture_output=True)
        seconds = time.perf_counter() - began
        if f"{readers} imported." not in done.stdout.decode():
            raise SystemExit(done.stdout.decode() + done.stderr.decode())
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--database", nargs="+", default=["sqlite", "postgresql"], help="or addresses of empty ones")
    given = parser.parse_args()
    found: dict[str, float] = {}
    for kind in given.database:
        with ledger.database_url(kind) as url:
            found[kind] = round(measure(url, given.lines), 1)
            print(f"{kind}: {found[kind]} s", flush=True)
    print(json.dumps({"lines": given.lines, "seconds": found}))


if __name__ == "__main__":
    main()
