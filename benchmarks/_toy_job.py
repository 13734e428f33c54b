"""A job that keeps a journal: ``python -m benchmarks._toy_job STEPS PAUSE_S FATE``.

Each step adds a line to ``training/journal.txt``; a second start goes on after the last one. Where
``METRONAS_TOY_LOG`` names a file, each step also notes there when, where and for which job it ran.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path


def note() -> None:
    """Adds time, device, job and process to the log that all toy jobs share."""
    log = os.environ.get("METRONAS_TOY_LOG")
    if log:
        line = f"{time.monotonic()} {os.environ['METRONAS_TOY_DEVICE']} {Path.cwd().name} "
        # One write, so that lines of several processes do not mix.
        with Path(log).open("ab", buffering=0) as file:
            file.write(f"{line}{os.getpid()}\n".encode())


if __name__ == "__main__":
    steps, pause_s, fate = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    folder = Path("training")
    folder.mkdir(exist_ok=True)
    pids = folder.parent / "pids.txt"
    pids.write_text(f"{os.getpid()}\n")
    if fate == 1:
        print("about to fail", file=sys.stderr)
        print("error: no luck today", file=sys.stderr)
        sys.exit(2)
    if fate == 2:
        # A process that leaves group, session and parent, as some launchers do.
        code = ("import os, sys, time\n"
                "if os.fork(): sys.exit()\n"
                "os.setsid()\n"
                f"open({str(pids.absolute())!r}, 'a').write(f'{{os.getpid()}}\\n')\n"
                "time.sleep(100)\n")
        subprocess.run([sys.executable, "-c", code], check=True)
    journal = folder / "journal.txt"
    done = len(journal.read_text().splitlines()) if journal.exists() else 0
    note()
    for step in range(done, steps):
        time.sleep(pause_s)
        note()
        with journal.open("a") as file:
            file.write(f"{step}\n")
        print(f"step {step + 1} of {steps}", file=sys.stderr, flush=True)
    (folder / "result.txt").write_text(f"sum {sum(range(steps))}\n")
    print("finished")
