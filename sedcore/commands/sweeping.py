"""Sweeps: ``sweep FILE.toml`` and ``sweeps``."""

from __future__ import annotations

from pathlib import Path

from sedcore.artifacts.root import artifact_root
from sedcore.commands.common import Adder, asked_job, engine_arguments, print_json, tell


def register(add: Adder, commands, group) -> None:
    """Add ``sweep`` and ``sweeps [stop]``."""
    sweep = add(
        commands, "sweep", _sweep, "begin a search over settings; a worker trains it; prints the sweep's name"
    )
    sweep.add_argument("file", type=Path, metavar="FILE.toml")
    engine_arguments(sweep)
    listing = add(commands, "sweeps", _sweeps, "list sweeps; stop one")
    listing.add_argument("--json", action="store_true")
    actions = listing.add_subparsers(metavar="ACTION")
    stop = add(actions, "stop", _stop, "give no more runs, and cancel those that wait")
    stop.add_argument("sweep", metavar="SWEEP")


def _sweep(args) -> None:
    from sedcore.jobs.engine import takes
    from sedcore.jobs.sweeps.spec import make_sweep, read_spec
    from sedcore.jobs.workers import living_workers

    root, spec, job = artifact_root(args.artifacts), read_spec(args.file), asked_job(args)
    sweep = make_sweep(root, spec, job)
    tell(f"{spec.trials} points, {len(spec.seeds)} runs each: {spec.runs} runs")
    if not any(takes(worker, job) for worker in living_workers(root)):
        engine = f" --engine ray --ray-address {job['address'] or 'URL'}" if job else ""
        tell(f"no worker gives and takes its runs; start one: python -m sedcore worker{engine}")
    print(sweep.name)


def _sweeps(args) -> None:
    from sedcore.artifacts.sweeps import broken_sweeps, list_sweeps
    from sedcore.jobs.sweeps.listing import sweep_row

    root = artifact_root(args.artifacts)
    members: dict[str, str | None] = {}  # so that each run is read once
    rows = [sweep_row(root, sweep, members) for sweep in list_sweeps(root)]
    for path, problem in broken_sweeps(root):
        tell(f"{path.name} left out: {problem}")
    if args.json:
        return print_json(rows)
    for row in rows:
        best = "-" if row["best"] is None else f"{row['best']:.3f}"
        runs = f"{row['finished']} of {row['runs']} runs"
        print(
            "  ".join(
                [row["name"], row["state"], row["sampler"], runs, f"best {best}", row["reason"]]
            ).rstrip()
        )


def _stop(args) -> None:
    from sedcore.artifacts.sweeps import find_sweep
    from sedcore.jobs.sweeps.advance import stop_sweep

    root = artifact_root(args.artifacts)
    cancelled = stop_sweep(root, find_sweep(root, args.sweep))
    tell(f"{args.sweep}: gives no more runs; {cancelled} that waited are cancelled")
