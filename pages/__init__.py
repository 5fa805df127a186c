"""Screens, one a file: widgets in, sedcore calls, figures out."""
