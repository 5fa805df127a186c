"""Importing scores of other tools as runs: `tables`, `arrays` and `folders` read files, `matching` finds their clips
and classes in the truth, `understand` combines both and writes the run.
"""
