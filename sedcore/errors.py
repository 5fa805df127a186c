"""The one exception that means "the input is at fault, and here is what to do about it"."""


class SedcoreError(Exception):
    """Bad input. The message is one clear sentence for a person: file, what was given, what was wanted.

    The command line prints it on one line and exits with 2; a page shows it in place of its content.
    """
