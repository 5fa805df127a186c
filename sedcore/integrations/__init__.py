"""Training loops of others that write runs. Each module imports its framework, and is imported only where that is used.

    from sedcore.integrations.keras import SedcoreCallback
    from sedcore.integrations.lightning import SedcoreLogger

A plain loop needs none of them: `sedcore.start_run` and `sedcore.log_scores` take arrays and tensors.
"""
