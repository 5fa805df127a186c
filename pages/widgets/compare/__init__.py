"""Runs side by side: the context bar, leaderboards, class tables, intervals, verdicts."""
