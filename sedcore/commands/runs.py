"""``runs``: list, rename, tag, annotate and delete."""

from __future__ import annotations

from sedcore.artifacts import manage, runs
from sedcore.artifacts.root import artifact_root
from sedcore.commands.common import Adder, find, print_json, tell


def register(add: Adder, commands, group) -> None:
    """Add ``runs`` and ``runs rename|tag|note|delete``."""
    listing = add(commands, "runs", _runs, "list, rename, tag, annotate and delete runs")
    listing.add_argument("--json", action="store_true")
    actions = listing.add_subparsers(metavar="ACTION")
    rename = add(actions, "rename", _runs_rename, "give a run another name")
    rename.add_argument("run", metavar="RUN")
    rename.add_argument("name", metavar="TEXT")
    tag = add(actions, "tag", _runs_tag, "replace a run's tags (none: remove them)")
    tag.add_argument("run", metavar="RUN")
    tag.add_argument("tags", nargs="*", metavar="TAG")
    note = add(actions, "note", _runs_note, "replace a run's note")
    note.add_argument("run", metavar="RUN")
    note.add_argument("text", metavar="TEXT")
    delete = add(actions, "delete", _runs_delete, "delete runs for good")
    delete.add_argument("runs", nargs="+", metavar="RUN")


def _runs(args) -> None:
    root = artifact_root(args.artifacts)
    rows = [
        {
            "run_id": run.run_id,
            "name": run.name,
            "kind": run.info["kind"],
            "state": run.status().state,
            "model": run.info["model"],
            "features": run.info["features"],
            "dataset": run.info["dataset"],
            "created": run.info["created"],
        }
        for run in runs.list_runs(root)
    ]
    for path, problem in runs.broken_runs(root):
        tell(f"{path.name} left out: {problem}")
    if args.json:
        return print_json(rows)
    for row in rows:
        print(
            "  ".join(
                str(row[key] or "-") for key in ("run_id", "state", "model", "features", "dataset", "name")
            )
        )


def _runs_rename(args) -> None:
    manage.rename_run(find(args, args.run), args.name)


def _runs_tag(args) -> None:
    manage.tag_run(find(args, args.run), args.tags)


def _runs_note(args) -> None:
    manage.note_run(find(args, args.run), args.text)


def _runs_delete(args) -> None:
    chosen = {run.run_id: run for run in (find(args, text) for text in args.runs)}
    for run in chosen.values():  # all names are resolved before the first run is deleted
        manage.delete_run(run)
