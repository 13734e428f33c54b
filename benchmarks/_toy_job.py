"""A job that keeps a journal: ``python -m benchmarks._toy_job STEPS PAUSE_S FATE``.

Each step adds a line to ``training/journal.txt``; a second start goes on after the last one.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

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
    for step in range(done, steps):
        time.sleep(pause_s)
        with journal.open("a") as file:
            file.write(f"{step}\n")
        print(f"step {step + 1} of {steps}", file=sys.stderr, flush=True)
    (folder / "result.txt").write_text(f"sum {sum(range(steps))}\n")
    print("finished")
