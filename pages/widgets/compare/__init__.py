"""Runs side by side: the bar of chosen runs, leaderboards, class tables, intervals."""
