"""Runs side by side: their scores, what they share, which differ and whether that is real. Without Streamlit."""
