"""The entry of the dashboard: its pages and the frame around them. Start: streamlit run dashboard.py"""

import gc
from pathlib import Path

import streamlit as st

from sedcore.jobs.switch import training_enabled

HERE = Path(__file__).parent
ICONS = HERE / "pages" / "widgets" / "icons"

# group: (file in pages/, title, icon); a page that is not there does not appear
PAGES = {
    "Compare": [
        ("overview", "Overview", ":material/leaderboard:"),
        ("curves", "Curves", ":material/show_chart:"),
        ("metrics", "Metrics", ":material/table_chart:"),
        ("thresholds", "Thresholds", ":material/tune:"),
        ("confusion", "Confusion", ":material/grid_view:"),
        ("verdicts", "Verdicts", ":material/balance:"),
    ],
    "Train": [
        ("new_run", "New run", ":material/play_circle:"),
        ("queue", "Queue", ":material/queue:"),
        ("sweeps", "Sweeps", ":material/grid_on:"),
    ],
    "Data": [
        ("data_sets", "Data sets", ":material/library_music:"),
        ("import_scores", "Import scores", ":material/upload_file:"),
    ],
    "Check": [("audit", "Audit", ":material/fact_check:")],
}
# The frame of all pages: less empty margin than Streamlit's, for tables with many columns.
FRAME_CSS = """<style>
.stMainBlockContainer {padding-left: 2.5rem; padding-right: 2.5rem; max-width: 1600px}
[class*="st-key-pulse-"] {position: absolute}
@media (max-width: 640px) {.stMainBlockContainer {padding-left: 1rem; padding-right: 1rem}}
</style>"""
NEEDS_TRAINING = {"new_run", "queue", "sweeps", "import_scores"}


def navigation_pages() -> dict[str, list]:
    """Return the pages to show, by group; the page of a single run is there but not in the menu."""
    shown: dict[str, list] = {}
    for group, entries in PAGES.items():
        for name, title, icon in entries:
            file = HERE / "pages" / f"{name}.py"
            if not file.exists() or (name in NEEDS_TRAINING and not training_enabled()):
                continue
            page = st.Page(file, title=title, icon=icon, default=name == "overview")
            shown.setdefault(group, []).append(page)
    if (HERE / "pages" / "run.py").exists():
        shown.setdefault("Compare", []).append(
            st.Page(
                HERE / "pages" / "run.py", title="Run", icon=":material/description:", visibility="hidden"
            )
        )
    return shown


# Frame and menu come before the slow imports of a new process: until then the browser draws its own menu.
# The icon is a file of the project: those of the menu would be fetched from elsewhere.
st.set_page_config(layout="wide", page_icon=str(ICONS / "icon.svg"), initial_sidebar_state=232)
chosen_page = st.navigation(navigation_pages())
st.logo(str(ICONS / "logo.svg"), icon_image=str(ICONS / "icon.svg"), size="medium")
st.html(FRAME_CSS)

from pages.widgets.training.watch import watch  # noqa: E402

chosen_page.run()
watch(chosen_page.title)  # announces the end of a training on every page
gc.collect()  # in place of Streamlit's own, which also runs after every fragment (config.toml)
