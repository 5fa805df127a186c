"""Runs side by side: scores, common clips, selection, draws and verdicts. Without Streamlit."""
