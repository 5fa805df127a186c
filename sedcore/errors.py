"""The exceptions for bad input, and the system errors behind an exception."""


class SedcoreError(Exception):
    """Bad input. The message is one clear sentence for a person: file, what was given, what was wanted.

    The command line prints it on one line and exits with 2; a page shows it in place of its content.
    """


class SchemaMismatch(SedcoreError):
    """A file of this project has a schema number that this version does not read."""


def errnos(error: BaseException | None) -> set[int]:
    """Return the errno values of an exception and of those it was raised from."""
    numbers: set[int] = set()
    while error is not None:
        if isinstance(error, OSError) and error.errno is not None:
            numbers.add(error.errno)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return numbers
