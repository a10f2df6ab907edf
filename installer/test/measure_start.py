"""Start a program with a window, and tell how long it took until the window was shown (X11).

``measure_start.py [--look SECONDS] [--picture FILE.png] -- PROGRAM ...`` prints seconds on the clock and of the
processor from the start of the process to the first mapped window named Meninx; after ``--look`` seconds a picture of
the whole screen is taken and the program is asked to close its window.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 120.0
ENDING = 30.0


def processor(pid: int) -> float:
    """Return the processor seconds of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def shown() -> str:
    """Return the id of the window, or nothing."""
    words = ["xdotool", "search", "--onlyvisible", "--class", "meninx"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.stdout.split("\n", 1)[0]


def main() -> int:
    """Measure, look, end; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--look", type=float, default=0.0)
    parser.add_argument("--picture", type=Path)
    parser.add_argument("program", nargs="+")
    given = parser.parse_args()
    begun = time.monotonic()
    process = subprocess.Popen(given.program)
    while not shown():
        if process.poll() is not None or time.monotonic() - begun > PATIENCE:
            sys.stdout.write(f"no window; exit status {process.poll()}\n")
            process.kill()
            return 1
        time.sleep(0.02)
    seconds, used = time.monotonic() - begun, processor(process.pid)
    time.sleep(given.look)
    if given.picture is not None:
        subprocess.run(["import", "-window", "root", str(given.picture)], check=True)
    process.send_signal(signal.SIGINT)  # the window closes as by its own button
    try:
        process.wait(ENDING)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        sys.stdout.write("it did not end by itself; ")
    load = os.getloadavg()[0]
    sys.stdout.write(f"{seconds:.2f} s on the clock, {used:.2f} s of the processor (load {load:.0f})\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
