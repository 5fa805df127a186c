"""What `import sedcore` costs, and its names when they are first used: `python -m benchmarks.importing`

Each line is a fresh process; its time is the processor time beyond that of a process that imports nothing, the least
of several.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys

NOTHING = "pass"
STEPS = {  # what, and the seconds wanted
    "import sedcore": 0.1,
    "import sedcore; sedcore.evaluate": None,
    "import sedcore; sedcore.compare": None,
    "import sedcore; sedcore.start_run": None,
}


def processor_s(code: str) -> float:
    """Return the processor time of a fresh process that runs some code."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def seconds_more(code: str, repeats: int) -> float:
    """Return the processor time that some code takes beyond a process that does nothing."""
    return min(processor_s(code) for _ in range(repeats)) - min(processor_s(NOTHING) for _ in range(repeats))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args(arguments).repeats
    print("| what | processor seconds | wanted |\n|---|---|---|")
    for code, wanted in STEPS.items():
        seconds, aim = seconds_more(code, repeats), "-" if wanted is None else f"below {wanted}"
        print(f"| `{code}` | {seconds:.3f} | {aim} |", flush=True)


if __name__ == "__main__":
    main()
