"""How much watching sessions slow a training: `python -m benchmarks.sessions`

A small training runs under a worker while sessions have the page Queue open, each a plain websocket that polls as
the page in a browser does (this leaves out the cost of browsers, but includes that of these clients). Blocks of time
with and without sessions alternate, so that other load falls on both.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import websockets
from streamlit.components.v2.bidi_component.main import _make_trigger_id
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from sedcore.artifacts.runs import Run
from sedcore.jobs.queue import cancel, submit
from sedcore.jobs.workers import ensure_worker
from sedcore.training.config import TrainConfig
from tests.support.serving import free_port, wait_until_served
from tests.support.small_sets import small_set

REPO = Path(__file__).parents[1]
CLIPS = 400


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--block", type=float, default=30, help="seconds of a block")
    parser.add_argument("--blocks", type=int, default=8, help="pairs of blocks")
    parser.add_argument("--model", default="crnn_time")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        small_set(root, "watched", clips=CLIPS)
        run = submit(root, TrainConfig("watched", args.model, epochs=100_000, patience=0))
        ensure_worker(root)
        with served(root) as (address, server):
            try:
                wait_for(lambda: len(run.history()) >= 3, "the first epochs")
                report(measured(run, address, server, args))
            finally:
                cancel(run, at_once=True)


def measured(run: Run, address: str, server: int, args: argparse.Namespace) -> list[dict[str, float]]:
    """Return of each block: sessions, clips a second of training, the server's share of a core."""
    rows = []
    for number in range(2 * args.blocks):
        sessions = args.sessions if number % 2 else 0
        clients = watchers(address, sessions)
        try:
            ready(clients)  # opening the pages is not measured
            epochs, began, cpu = len(run.history()), time.monotonic(), cpu_s(server)
            time.sleep(args.block)
            spent, used = time.monotonic() - began, cpu_s(server) - cpu
        finally:
            beats = stop(clients)
        history = run.history().iloc[epochs + 1 :]  # the one that was under way belongs to two blocks
        whole = (history["seconds"] + history["validation_seconds"]).sum()
        rows.append(
            {
                "sessions": sessions,
                "clips_per_s": len(history) * 0.6 * CLIPS / whole,  # 60 % of the clips are in train
                "server": used / spent,
                "beats": beats,
            }
        )
        print(f"block {number + 1}: {rows[-1]}", file=sys.stderr, flush=True)
    return rows


def report(rows: list[dict[str, float]]) -> None:
    """Print a table, and how much slower it was with sessions: median over pairs of blocks."""
    print("| sessions | clips/s, median | the server takes (of one core) |\n|---|---|---|")
    for sessions in dict.fromkeys(row["sessions"] for row in rows):
        some = [row for row in rows if row["sessions"] == sessions]
        speed, server = (statistics.median(row[key] for row in some) for key in ("clips_per_s", "server"))
        print(f"| {sessions} | {speed:.1f} | {server:.1%} |")
    ratios = [1 - b["clips_per_s"] / a["clips_per_s"] for a, b in zip(rows[::2], rows[1::2])]
    middle = statistics.median(ratios)
    print(
        f"\nslower by {middle:.1%} (pairs of blocks: {', '.join(f'{ratio:.1%}' for ratio in sorted(ratios))})"
    )


@contextlib.contextmanager
def served(root: Path):
    """Serve the dashboard on a root as a process; yield its address and pid."""
    port = free_port()
    command = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.address", "127.0.0.1"]
    command += ["--server.port", str(port), "--server.headless", "true"]
    settings = os.environ | {"SEDBOARD_TRAINING": "on", "SEDCORE_ARTIFACTS": str(root)}
    log = root / "server.txt"
    with open(log, "wb") as words:
        process = subprocess.Popen(command, cwd=REPO, env=settings, stdout=words, stderr=words)
    try:
        address = f"127.0.0.1:{port}"
        wait_until_served(f"http://{address}", process, log)
        yield address, process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def watchers(address: str, sessions: int) -> subprocess.Popen | None:
    """Start so many sessions, in a process of their own."""
    if not sessions:
        return None
    code = f"from benchmarks.sessions import watch_all; watch_all({address!r}, {sessions})"
    return subprocess.Popen(
        [sys.executable, "-c", code], cwd=REPO, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )


def ready(clients: subprocess.Popen | None) -> None:
    """Return when every session has its page."""
    if clients is not None and clients.stdout.readline() != b"ready\n":
        raise SystemExit("the sessions could not be opened")


def stop(clients: subprocess.Popen | None) -> int:
    """End the sessions; return the number of beats they sent."""
    if clients is None:
        return 0
    words, _ = clients.communicate(b"\n", timeout=60)  # an open stdin is what keeps them
    return int(words)


def watch_all(address: str, sessions: int) -> None:
    """Hold sessions open until stdin ends; print how many beats they sent."""
    print(asyncio.run(_watch_all(address, sessions)))


async def _watch_all(address: str, sessions: int) -> int:
    beats: list[int] = []
    opened = [asyncio.Event() for _ in range(sessions)]
    tasks = [asyncio.create_task(session(address, beats, event)) for event in opened]
    await asyncio.wait(
        [asyncio.gather(*(event.wait() for event in opened)), *tasks], return_when="FIRST_COMPLETED"
    )
    beats.clear()
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    for task in tasks:
        task.cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    broken = [end for end in ends if not isinstance(end, asyncio.CancelledError)]
    if broken:
        raise RuntimeError(f"{len(broken)} of {sessions} sessions broke off: {broken[0]!r}")
    return len(beats)


async def session(address: str, beats: list[int], opened: asyncio.Event) -> None:
    """Open the page Queue and answer its pulses, as pages/widgets/base/pulse.js does."""
    timers: dict[str, asyncio.Task] = {}
    url = f"ws://{address}/_stcore/stream"
    async with (
        websockets.connect(url, subprotocols=["streamlit"], max_size=None) as socket,
        asyncio.TaskGroup() as group,  # its tasks are cancelled with the session
    ):
        asked = BackMsg()
        asked.rerun_script.page_name = "queue"
        await socket.send(asked.SerializeToString())
        async for raw in socket:
            message = ForwardMsg.FromString(raw)
            if message.WhichOneof("type") == "script_finished":
                opened.set()
            element = message.delta.new_element
            if element.bidi_component.component_name != "pulse":
                continue
            pulse, data = element.bidi_component.id, json.loads(element.bidi_component.json)
            if pulse in timers:
                timers[pulse].cancel()
            timers[pulse] = group.create_task(beat(socket, message.delta.fragment_id, pulse, data, beats))


async def beat(socket, fragment: str, pulse: str, data: dict, beats: list[int]) -> None:
    """Ask for a fragment again when it is due."""
    await asyncio.sleep(data["every_ms"] / 1000)
    asked = BackMsg()
    asked.rerun_script.fragment_id = fragment
    state = asked.rerun_script.widget_states.widgets.add()
    state.id = _make_trigger_id(pulse, "events")
    state.json_trigger_value = json.dumps([{"event": "beat", "value": data["number"]}])
    beats.append(1)
    await socket.send(asked.SerializeToString())


def cpu_s(pid: int) -> float:
    """Return the processor time that a process has taken, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(condition, what: str, patience_s: float = 300) -> None:
    """Return when the condition holds."""
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            raise SystemExit(f"waited {patience_s:.0f} s in vain for {what}")
        time.sleep(0.2)


if __name__ == "__main__":
    main()
