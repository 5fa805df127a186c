"""What commands share: output, finding a run, engine options."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator

from sedcore.artifacts.files import without_nan
from sedcore.artifacts.root import artifact_root
from sedcore.artifacts.runs import Run, find_run
from sedcore.errors import SedcoreError

# add(group, name, command, help) returns the parser of a command; command(args) runs it
Adder = Callable[..., argparse.ArgumentParser]


def tell(line: str) -> None:
    """Write a line to stderr, above a progress bar if there is one."""
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None] | None]:
    """Yield a function that shows (done, total) as a progress bar; None where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)

        def show(done: int, total: int) -> None:
            if bar.finished:  # the next kind of features begins
                bar.reset(task)
            bar.update(task, completed=done, total=total)

        yield show


def progress_lines(every_s: float = 5.0) -> Callable[[int, int], None]:
    """Return a function that prints (done, total) as a line at most every `every_s` seconds, for a log."""
    last = time.monotonic()

    def line(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last >= every_s and done < total:
            last = time.monotonic()
            tell(f"{done}/{total}")

    return line


def print_json(value: object) -> None:
    """Print a value as JSON; NaN becomes null."""
    print(json.dumps(without_nan(value), indent=1, ensure_ascii=False))


def find(args: argparse.Namespace, text: str) -> Run:
    """Return the run that `text` names, in the artifact root of the command."""
    return find_run(artifact_root(args.artifacts), text)


def engine_arguments(parser, resources: bool = True) -> None:
    """Add the engine options, and with `resources` those of a job's cores and GPUs."""
    parser.add_argument(
        "--engine", choices=("local", "ray"), default="local", help="this machine, or a Ray cluster"
    )
    parser.add_argument(
        "--ray-address", metavar="URL", help="of the cluster's dashboard; or set SEDCORE_RAY_ADDRESS"
    )
    if resources:
        parser.add_argument(
            "--cores", type=int, default=1, metavar="N", help="of a cluster's node; default 1"
        )
        parser.add_argument(
            "--gpus", type=float, default=0, metavar="N", help="of a cluster's node; default 0"
        )


def asked_job(args):
    """Return the job given by `engine_arguments`; None: this machine."""
    from sedcore.jobs.engine import RAY, ray_job

    if args.engine == RAY:
        return ray_job(args.cores, args.gpus, args.ray_address)
    if args.ray_address or args.cores != 1 or args.gpus:
        raise SedcoreError("--ray-address, --cores and --gpus go with --engine ray")
    return None
