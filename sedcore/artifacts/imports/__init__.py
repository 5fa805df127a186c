"""Anybody's scores: files of other tools become runs. `sources` reads a file or folder as it is, `matching`
finds its clips and classes in the truth, `understand` puts both together without writing, `write` makes the run.
"""
