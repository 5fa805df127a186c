"""Trainings in a real browser: started, watched, cancelled and resumed from the page; told when they end."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import expect

from sedcore.artifacts.locks import RunLock
from sedcore.artifacts.recording import write_progress
from sedcore.artifacts.runs import Run, find_run
from sedcore.artifacts.status import set_status
from sedcore.jobs.queue import cancel, submit
from sedcore.training.config import TrainConfig
from tests.support.serving import PHONE, SMALL_DEMO

pytestmark = pytest.mark.browser


def start(visitor, name: str, epochs: int) -> None:
    """Start a training from the page."""
    page = visitor.open(f"new_run?data={SMALL_DEMO}&model=rnn_time")
    page.get_by_text("More settings").click()
    # without patience: how soon a training is good enough is not what is looked at
    settings = ("Epochs at most", str(epochs)), ("Patience", "0")
    for role, label, value in (
        *(("spinbutton", *setting) for setting in settings),
        ("textbox", "Name", name),
    ):
        field = page.get_by_role(role, name=label)
        field.fill(value)
        field.press("Enter")
    command = page.locator(".st-key-new-settings pre code")
    expect(command).to_contain_text(f"--epochs {epochs}")
    expect(command).to_contain_text("--patience 0")
    expect(command).to_contain_text(f"--name {name}")
    page.get_by_role("button", name="Start training").click()
    expect(page.locator(".st-key-new-notice").get_by_text(name)).to_be_visible()


def hide(page, hidden: bool) -> None:
    """Make the page believe that its tab is hidden, or seen again."""
    state = "hidden" if hidden else "visible"
    page.evaluate(
        f"""() => {{
            Object.defineProperty(document, "visibilityState", {{ configurable: true, get: () => "{state}" }});
            document.dispatchEvent(new Event("visibilitychange"));
        }}"""
    )


def ended(visitor, name: str, state: str) -> None:
    visitor.until(
        lambda: any(row["Run"] == name and row["State"] == state for row in visitor.table("Run", "State")),
        f"{name} among those that ended, {state}",
    )


def test_a_training_is_watched_to_its_end_and_is_in_overview(visitors, root):
    visitor = visitors()
    start(visitor, "two-epochs", 2)
    page = visitor.page
    page.locator(".st-key-new-notice").get_by_role("link", name="Queue").click()
    expect(page.locator("h1").first).to_have_text("Queue")
    run = find_run(root, "two-epochs")
    card = page.locator(f".st-key-live-{run.run_id}")
    expect(card).to_be_visible()
    page.reload()  # what is shown comes from the run folder, not from this session
    visitor.settle()
    visitor.until(lambda: not run.status().live, "the training ends")
    assert run.status().state == "finished", run.log_tail()
    expect(card).to_have_count(0)
    ended(visitor, "two-epochs", "finished")
    expect(page).to_have_title("Done: two-epochs · Queue")
    visitor.check()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Overview", exact=True).click()
    expect(page.locator("h1").first).to_have_text("Overview")
    visitor.settle()
    visitor.until(
        lambda: any(row["Name"].startswith("two-epochs") for row in visitor.table("Name", "Macro AP")),
        "the finished run in the leaderboard",
    )
    expect(page).to_have_title("Overview")
    visitor.check()


def test_a_training_is_cancelled_and_resumed(visitors, root):
    visitor = visitors(PHONE)
    start(visitor, "stopped", 4000)
    run = find_run(root, "stopped")
    try:
        page = visitor.open("queue")
        card = page.locator(f".st-key-live-{run.run_id}")
        expect(card.get_by_text("Hits and errors")).to_be_visible()  # it grows into the page by itself
        expect(card.get_by_text("AP of each class")).to_be_visible()
        card.get_by_role("button", name="Cancel").click()
        visitor.until(lambda: not run.status().live, "the training ends")
        assert run.status().state == "cancelled", run.status()
        epochs = len(run.history())
        expect(card).to_have_count(0)
        ended(visitor, "stopped", "cancelled")
        visitor.check()
        page = visitor.open(f"run?run={run.run_id}")
        page.get_by_role("button", name="Resume").click()
        visitor.until(lambda: len(run.history()) > epochs, "it goes on")
        visitor.open("queue")
        expect(card.get_by_text("Epoch").first).to_be_visible()
        visitor.check()
    finally:
        cancel(run, at_once=True)


@pytest.fixture
def held(root: Path):
    """A run that this process claims, so that it trains as long as the lock is held."""
    run = submit(root, TrainConfig(SMALL_DEMO, "rnn_time", seed=99), name="held")
    lock = RunLock(run.path).acquire()
    set_status(run.path, "running")
    yield run, lock
    lock.release()
    set_status(run.path, "cancelled")


def test_a_hidden_tab_does_not_poll_and_an_interruption_is_told(visitors, held):
    run, lock = held
    visitor = visitors()
    beats: list[bytes] = []
    visitor.page.on(
        "websocket",
        lambda socket: socket.on(
            "framesent", lambda frame: beats.append(frame) if b"pulse-" in frame else None
        ),
    )
    visitor.page.clock.install()
    page = visitor.open("queue")
    visitor.until(lambda: len(beats) > 0, "the page asks how it stands")
    expect(page).to_have_title("(1) Queue")
    progress(run, 3)
    expect(page.get_by_text("batch 3 of 9")).to_be_visible()
    hide(page, True)
    visitor.settle()
    before = len(beats)
    page.clock.run_for(600_000)  # ten minutes go by
    hide(page, False)
    visitor.until(lambda: len(beats) > before, "the page asks at once when it is seen again")
    assert len(beats) <= before + 2  # once for the line, once for the figures, and not before
    lock.release()
    expect(page.locator(f".st-key-broken-{run.run_id}")).to_contain_text("was interrupted")
    expect(page).to_have_title("Interrupted: held · Queue")
    visitor.settle()
    before = len(beats)
    page.clock.run_for(600_000)
    page.get_by_role("button", name="Resume").hover()
    assert len(beats) == before  # nothing is live: nothing polls
    visitor.check()


def progress(run: Run, batch: int) -> None:
    record = {"phase": "training", "epoch": 1, "epochs": 4, "batch": batch, "batches": 9}
    write_progress(run, record | {"clips_per_s": 41.2, "seconds_left": 75.0, "memory_mb": 812.3})
