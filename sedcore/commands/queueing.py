"""The queue: ``submit``, ``queue``, ``cancel``, ``resume`` and ``worker``."""

from __future__ import annotations

from sedcore.artifacts.root import artifact_root
from sedcore.commands.common import Adder, asked_job, engine_arguments, find, print_json, tell
from sedcore.commands.training import training_arguments, training_config
from sedcore.errors import SedcoreError


def register(add: Adder, commands, group) -> None:
    """Add the commands of the queue."""
    training_arguments(add(commands, "submit", _submit, "queue a training for a worker; prints the run id"))
    queue = add(commands, "queue", _queue, "show what trains and what waits, in order; move what waits")
    queue.add_argument("--json", action="store_true")
    actions = queue.add_subparsers(metavar="ACTION")
    move = add(actions, "move", _move, "give a run that waits another position")
    move.add_argument("run", metavar="RUN")
    move.add_argument("position", type=int, metavar="POSITION", help="1: the next to be trained")
    cancel = add(
        commands, "cancel", _cancel, "end a training after the batch in hand; a second time: kill it"
    )
    cancel.add_argument("run", metavar="RUN")
    cancel.add_argument("--now", action="store_true", help="kill it; its last checkpoint remains")
    resume = add(commands, "resume", _resume, "queue a run again that was cancelled, interrupted or failed")
    resume.add_argument("run", metavar="RUN")
    worker = add(commands, "worker", _worker, "take runs from the queue and train them")
    worker.add_argument(
        "--jobs", type=int, metavar="N", help="at once; default 1, with --engine ray as the cluster has room"
    )
    engine_arguments(worker, resources=False)
    worker.add_argument("--until-empty", action="store_true", help="end when nothing waits")
    worker.add_argument("--if-none", action="store_true", help="end at once where another worker lives")
    worker.add_argument(
        "--trainer", metavar="MODULE", help="Python module that trains one run: MODULE RUN_ID --artifacts DIR"
    )


def _submit(args) -> None:
    from sedcore.jobs.queue import submit

    root = artifact_root(args.artifacts)
    run = submit(root, training_config(args), args.run_id, args.name, asked_job(args))
    print(run.run_id, flush=True)  # first: the run is queued, even if what follows fails
    _tell_of_workers(root)


def _queue(args) -> None:
    from sedcore.artifacts.runs import broken_runs
    from sedcore.jobs.cluster import refresh
    from sedcore.jobs.listing import queue_rows
    from sedcore.jobs.workers import living_workers

    root = artifact_root(args.artifacts)
    for silence in refresh(root):
        tell(silence)
    for path, problem in broken_runs(root):
        tell(f"{path.name} left out: {problem}")
    rows, workers = queue_rows(root), living_workers(root)
    if args.json:
        return print_json({"runs": rows, "workers": workers})
    for row in rows:
        position = f"{row['position']:>3}" if row["position"] else "  -"
        where = f"epoch {row['epoch']} of {row['epochs']}" if row["epoch"] else row["reason"]
        print(f"{position}  {row['run_id']}  {row['state']:<10}  {row['name']}  {where}".rstrip())
    if not rows:
        tell("nothing trains and nothing waits")
    _tell_of_workers(root)


def _move(args) -> None:
    from sedcore.jobs.queue import move

    move(artifact_root(args.artifacts), find(args, args.run), args.position)


def _cancel(args) -> None:
    from sedcore.jobs.queue import cancel

    run = find(args, args.run)
    done = cancel(run, at_once=args.now)
    if not done:
        raise SedcoreError(f"run {run.name} is {run.status().state}; there is nothing to cancel")
    words = {"cancelling": "ends after the batch in hand", "killed": "killed; its last checkpoint remains"}
    tell(f"{run.run_id}: {words.get(done, done)}")


def _resume(args) -> None:
    from sedcore.jobs.queue import resume

    root, run = artifact_root(args.artifacts), find(args, args.run)
    resume(root, run)
    _tell_of_workers(root)


def _worker(args) -> None:
    from sedcore.jobs.engine import RAY, ray_address
    from sedcore.jobs.worker import TRAINER, Worker

    root = artifact_root(args.artifacts)
    settings = {
        "until_empty": args.until_empty,
        "if_none": args.if_none,
        "trainer": args.trainer or TRAINER,
        "announce": tell,
    }
    if args.engine == RAY:
        from sedcore.jobs.cluster_worker import ClusterWorker

        return ClusterWorker(root, ray_address(args.ray_address), args.jobs, **settings).work()
    Worker(root, jobs=1 if args.jobs is None else args.jobs, **settings).work()


def _tell_of_workers(root) -> None:
    from sedcore.jobs.engine import engine_of, takes
    from sedcore.jobs.queue import queued_runs
    from sedcore.jobs.workers import living_workers

    workers = living_workers(root)
    for run in queued_runs(root):
        try:
            job = run.info["job"]
        except SedcoreError:
            continue  # damaged or deleted: `queue` and `runs` report those
        if not any(takes(worker, job) for worker in workers):
            more = (
                "" if engine_of(job) == "local" else f" --engine ray --ray-address {job['address'] or 'URL'}"
            )
            tell(f"no worker takes from this queue; start one: python -m sedcore worker{more}")
            return
