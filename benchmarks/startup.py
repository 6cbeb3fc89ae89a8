"""Wall time of starting the command line, whole processes, median of ten.

Usage: python benchmarks/startup.py
"""

import statistics
import subprocess
import sys
import time

RUNS = 10
COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "ser-toolkit --help": [sys.executable, "-m", "ser_toolkit", "--help"],
    "ser-toolkit plugins": [sys.executable, "-m", "ser_toolkit", "plugins"],
}


def seconds(command: list[str]) -> float:
    """Wall time of one run."""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


def main() -> None:
    """Print a table; runs of the commands take turns, so that a slow moment hits all of them."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for command in COMMANDS.values():
        seconds(command)  # fills the disk cache
    for _ in range(RUNS):
        for name, command in COMMANDS.items():
            times[name].append(seconds(command))
    base = statistics.median(times["python -c pass"])
    print("| command | median s | min | max | times bare Python |\n|---|---|---|---|---|")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"| `{name}` | {median:.3f} | {min(values):.3f} | {max(values):.3f} | {median / base:.1f} |")


if __name__ == "__main__":
    main()
