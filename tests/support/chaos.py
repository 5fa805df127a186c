"""Kills, cancels and resumes at random while jobs go through the real queue, locks and processes.

Everything follows from a seed but the moments, and those follow the trainings: the next blow falls when so many epochs
have been done. The processes of this root are found by their command lines, which name the root and the run.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from sedcore.artifacts.manage import delete_run
from sedcore.artifacts.runs import Run
from sedcore.errors import SedcoreError
from sedcore.jobs import queue
from sedcore.training.config import TrainConfig
from tests.support import run_invariants
from tests.support.serving import free_port, wait_until_served
from tests.support.waiting import end_trainers, processes, wait_until

REPO = Path(__file__).parents[2]
SMALL = "tests.support.small_trainer"
# what may happen, and how often beside the others
BLOWS = {"kill trainer": 6, "kill worker": 4, "stop trainer": 1, "cancel": 4, "cancel twice": 2, "resume": 6}
BLOWS |= {"move": 2, "edit": 1, "delete": 1, "second worker": 2}


class Chaos:
    """Jobs on a root, the processes that train them, and what befalls them."""

    def __init__(self, root: Path, seed: int, real_blows: int = 1):
        self.root, self._random = root.resolve(), random.Random(seed)
        self.jobs: dict[str, Run] = {}
        self._small: list[str] = []
        self._workers: list[subprocess.Popen] = []
        self._dashboard: subprocess.Popen | None = None
        self.counts: Counter = Counter()
        self._whole: set = set()
        self._real_blows_left = real_blows  # each costs a start of TensorFlow
        self._seed = seed

    # ---- what takes part

    def submit(self, config: TrainConfig) -> Run:
        run = queue.submit(self.root, config, name=f"job {len(self.jobs)}")
        self.jobs[run.run_id] = run
        if config.dataset == run_invariants.SMALL:
            self._small.append(run.run_id)
        return run

    def start_worker(self, jobs: int = 2) -> None:
        command = [sys.executable, "-m", "sedcore", "--artifacts", str(self.root), "worker"]
        command += ["--jobs", str(jobs), "--trainer", SMALL]
        with open(self.root / "worker-words.txt", "ab") as words:
            self._workers.append(subprocess.Popen(command, cwd=REPO, stderr=words, stdout=words))

    def start_dashboard(self, wait: bool = False) -> None:
        port = free_port()
        command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.address", "127.0.0.1"]
        command += [
            "--server.port",
            str(port),
            "--server.headless",
            "true",
            "--server.fileWatcherType",
            "none",
        ]
        settings = os.environ | {"SEDBOARD_TRAINING": "on", "SEDCORE_ARTIFACTS": str(self.root)}
        log = self.root / "dashboard-words.txt"
        with open(log, "ab") as words:
            self._dashboard = subprocess.Popen(
                command, cwd=REPO, env=settings, stdout=words, stderr=words, start_new_session=True
            )
        if wait:
            wait_until_served(f"http://127.0.0.1:{port}", self._dashboard, log)

    def stop(self) -> None:
        """End everything that this started."""
        for process in (*self._workers, *([self._dashboard] if self._dashboard else [])):
            process.kill()
            process.wait()
        end_trainers(self.root, SMALL)

    # ---- the course of things

    def run(self, blows: int) -> None:
        """Strike so many times, then let everything be resumed to its end; check all the way."""
        gap = 0.8 * self._epochs_wanted() / blows
        self._target = 0.0
        for number in range(blows):
            wait_until(
                lambda: self._look() and (self._epochs_seen() >= self._target or self._idle()), self._words
            )
            self._strike("kill dashboard" if number in (blows // 3, 2 * blows // 3) else "")
            self._target += self._random.uniform(0, 2 * gap)
        while not self._all_finished():
            self._resume_all()
            self._keep_worker()
            wait_until(lambda: self._look() and self._idle(), self._words)
        for worker in self._workers:
            worker.terminate()
            worker.wait()
        assert not processes(self.root, SMALL)
        run_invariants.ended_well(self.root, self.jobs)

    def _look(self) -> bool:
        self._states = run_invariants.look(self.root, self.jobs, self._whole)
        return True

    def _words(self) -> str:
        return f"seed {self._seed}, {dict(self.counts)}: {self._states}"

    def _epochs_wanted(self) -> int:
        return sum(run.info["config"]["epochs"] for run in self.jobs.values())

    def _epochs_seen(self) -> int:
        """How many epochs were trained so far, also those that were cut off."""
        files = (self.root / "witness").glob("*.jsonl")
        return sum(len(file.read_bytes().splitlines()) for file in files)

    def _idle(self) -> bool:
        """Whether nothing will change by itself: all has ended, or waits without a worker."""
        if self._living_workers():
            return not {"queued", "running", "cancelling"} & set(self._true_states().values())
        return not processes(self.root, SMALL)

    def _living_workers(self) -> list[subprocess.Popen]:
        return [worker for worker in self._workers if worker.poll() is None]

    def _true_states(self) -> dict[str, str]:
        """The stored states, but for what is running with a free lock."""
        return {
            name: "interrupted" if s in ("running", "cancelling") and self._free(name) else s
            for name, s in self._states.items()
        }

    def _free(self, name: str) -> bool:
        folder = self.root / "runs" / name
        free = run_invariants.lock_is_free(folder)
        return free and run_invariants.state_of(folder) == self._states[name]

    def _all_finished(self) -> bool:
        self._look()
        return set(self._states.values()) == {"finished"}

    def _keep_worker(self) -> None:
        if not self._living_workers():
            self.start_worker()

    def _resume_all(self) -> None:
        for name, run in self.jobs.items():
            if self._true_states()[name] in ("cancelled", "interrupted", "failed"):
                with contextlib.suppress(SedcoreError):  # its trainer has not quite gone: the next time
                    queue.resume(self.root, run)

    # ---- blows

    def _strike(self, blow: str = "") -> None:
        """Do one thing, at random unless it is given."""
        self._keep_worker()
        blow = blow or self._random.choices(list(BLOWS), BLOWS.values())[0]
        try:
            done = getattr(self, "_" + blow.replace(" ", "_"))()
        except SedcoreError as error:  # it was too late for it: as clear to a person as any error
            assert str(error)
            done = False
        self.counts[blow if done else "in vain"] += 1

    def _one(self, *states: str) -> Run | None:
        names = [name for name, state in self._true_states().items() if state in states]
        return self.jobs[self._random.choice(names)] if names else None

    def _kill_trainer(self, number: int = signal.SIGKILL) -> bool:
        """Kill any trainer: one that starts, trains, writes or ends."""
        found = processes(self.root, SMALL)
        small = {pid for pid, words in found.items() if set(words) & set(self._small)}
        if self._real_blows_left <= 0:
            found = {pid: words for pid, words in found.items() if pid in small}
        found = {pid: words for pid, words in found.items() if "worker" not in words}
        if not found:
            return False
        pid = self._random.choice(sorted(found))
        self._real_blows_left -= pid not in small
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        return True

    def _stop_trainer(self) -> bool:
        return self._kill_trainer(signal.SIGTERM)

    def _kill_worker(self) -> bool:
        worker = self._random.choice(self._living_workers())
        worker.kill()
        worker.wait()
        self._keep_worker()
        return True

    def _second_worker(self) -> bool:
        if len(self._living_workers()) > 1:
            return False
        self.start_worker(jobs=1)
        return True

    def _kill_dashboard(self) -> bool:
        if self._dashboard is None:
            return False
        os.killpg(self._dashboard.pid, signal.SIGKILL)
        self._dashboard.wait()
        self.start_dashboard()
        return True

    def _cancel(self) -> bool:
        run = self._one("queued", "running")
        return bool(run and self._may_hit(run) and queue.cancel(run))

    def _cancel_twice(self) -> bool:
        run = self._one("running", "cancelling")
        return bool(run and self._may_hit(run) and queue.cancel(run, at_once=True))

    def _may_hit(self, run: Run) -> bool:
        real = run.run_id not in self._small
        self._real_blows_left -= real
        return not real or self._real_blows_left >= 0

    def _resume(self) -> bool:
        run = self._one("cancelled", "interrupted", "failed")
        if run:
            queue.resume(self.root, run)
        return run is not None

    def _move(self) -> bool:
        run = self._one("queued")
        if run:
            queue.move(self.root, run, self._random.randint(1, 9))
        return run is not None

    def _edit(self) -> bool:
        run = self._one("queued")
        if run is None or run.run_id not in self._small:
            return False
        config = TrainConfig.from_json(run.info["config"] | {"epochs": self._random.randint(3, 12)})
        queue.edit(self.root, run, config)
        return True

    def _delete(self) -> bool:
        """Delete a job, and submit another in its place."""
        run = self._one("queued", "cancelled")
        if run is None or run.run_id not in self._small:
            return False
        config = TrainConfig.from_json(run.info["config"])
        delete_run(run)
        del self.jobs[run.run_id]
        self.submit(config)
        return True
