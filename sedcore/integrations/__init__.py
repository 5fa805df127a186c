"""Runs from the training loops of other frameworks. Each module imports its framework; import only the one you use.

    from sedcore.integrations.keras import SedcoreCallback
    from sedcore.integrations.lightning import SedcoreLogger

A plain loop needs neither: `sedcore.start_run` and `sedcore.log_scores` take arrays and tensors.
"""
