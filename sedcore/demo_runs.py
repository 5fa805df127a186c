"""The demo runs in the repository, made by ``sedcore demo-runs``.

Seven models on the demo set, and the report's printed tables. Only small weights are kept, so that the runs fit into
the repository.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from sedcore.artifacts import runs
from sedcore.artifacts.manage import delete_run
from sedcore.data.store import list_datasets
from sedcore.errors import SedcoreError
from sedcore.evaluation.audit import report_notes, report_numbers
from sedcore.models.catalog import MODELS, model_card

DATASET = "demo"
MOST_WEIGHTS_BYTES = 3_000_000
# Upper limits; early stopping ends most trainings before.
EPOCHS = {"compact": 30, "ann": 15, "cnn": 8, "rnn": 30, "crnn": 25, "rnn_time": 40, "crnn_time": 30}
PATIENCE = 5


def make_demo_runs(
    root: Path, models: tuple[str, ...] | None = None, announce: Callable[[str], None] = print
) -> int:
    """Build the demo set where it is missing, train the models on it, write the reported runs; return 0 or 1.

    Earlier demo runs of these models, and the reported runs, are replaced. Takes about half an hour on two cores.

    Raises
    ------
    SedcoreError
        A model is not one of the demo's.
    """
    unknown = [model for model in models or () if model not in EPOCHS]
    if unknown:
        raise SedcoreError(f"there is no demo run of {unknown[0]!r}; there are {', '.join(EPOCHS)}")
    if DATASET not in [dataset.name for dataset in list_datasets(root)]:
        from sedcore.data.demo_build import build_demo

        announce("building the demo set")
        build_demo(root, DATASET)
    failed = [model for model in models or EPOCHS if not _train_demo(root, model, announce)]
    write_reported_runs(root)
    return 1 if failed else 0


def _train_demo(root: Path, model: str, announce: Callable[[str], None]) -> bool:
    """Train one model in its own process, to measure its peak memory; return whether it finished."""
    title = MODELS[model].title
    _delete(
        root, lambda info: info["kind"] == "trained" and info["dataset"] == DATASET and info["name"] == title
    )
    run_id = runs.new_run_id(model)
    announce(f"{model}: training as {run_id}")
    command = [
        "--artifacts",
        str(root),
        "train",
        DATASET,
        "--model",
        model,
        "--run-id",
        run_id,
        "--name",
        title,
    ]
    settings = ["--epochs", str(EPOCHS[model]), "--patience", str(PATIENCE)]
    subprocess.run(
        [sys.executable, "-m", "sedcore", *command, *settings], check=False, stdout=subprocess.DEVNULL
    )
    run = runs.find_run(root, run_id)
    status = run.status()
    announce(f"{model}: {status.state}, {status.reason}")
    if run.has_weights and run.weights_file.stat().st_size > MOST_WEIGHTS_BYTES:
        run.weights_file.unlink()
    shutil.rmtree(run.path / "cache", ignore_errors=True)
    (run.path / "lock").unlink(missing_ok=True)
    return status.state == "finished"


def write_reported_runs(root: Path) -> None:
    """Write the report's printed tables as runs of kind "reported", with notes on what cannot be right in them."""
    _delete(root, lambda info: info["kind"] == "reported")
    numbers, notes = report_numbers(), report_notes()
    for model, tables in numbers["tables"].items():
        run = runs.create_run(
            root,
            {
                "run_id": runs.new_run_id(f"{model}-reported"),
                "kind": "reported",
                "name": f"{model_card(model).title} (report)",
                "model": model,
                "classes": numbers["classes"],
                "parameters": model_card(model).parameters,
                "note": f"Printed in: {numbers['source']}. Its recordings are not public.",
            },
            state="finished",
            reason="numbers as printed, no scores",
        )
        matrices = numbers["confusion_validation"].get(model)
        runs.save_reported(
            run,
            {
                "source": numbers["source"],
                "threshold": numbers["threshold"],
                "classes": numbers["classes"],
                "tables": tables,
                "confusion": {"validation": matrices} if matrices else {},
                "notes": notes[model],
            },
        )


def _delete(root: Path, wanted: Callable[[dict], bool]) -> None:
    for run in runs.list_runs(root):
        if wanted(run.info):
            delete_run(run)
