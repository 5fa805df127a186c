"""The command line, ``python -m sedcore COMMAND``. Scripts call it, so its options and output are a contract.

Bad input is one line on stderr and exit code 2. Results go to stdout, everything else to stderr; progress bars
appear on a terminal only. RUN is a run id or a unique name. Heavy libraries are imported by the commands that
need them, so that the others start fast.
"""

from __future__ import annotations

import argparse
import os
import sys

from sedcore.commands import audit, data, queueing, results, runs, sweeping, thresholds, training
from sedcore.errors import SedcoreError
from sedcore.extras import missing

GROUPS = (data, training, queueing, sweeping, runs, results, thresholds, audit)  # in the order of the help


class _Parser(argparse.ArgumentParser):
    """A parser that raises SedcoreError, one line, instead of printing its usage."""

    def error(self, message: str):
        raise SedcoreError(f"{message} (see {self.prog} --help)")


def main(argv: list[str] | None = None) -> int:
    """Run a command; return the exit code: 0, 1 for a training that failed, 2 for bad input, 130 if stopped."""
    try:
        args = parser().parse_args(argv)
        return args.command(args) or 0
    except SedcoreError as error:
        print(error, file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if not (sentence := missing(error, "this command")):
            raise
        print(sentence, file=sys.stderr)
        return 2
    except UnicodeEncodeError as error:  # a name whose bytes are not UTF-8 can neither be printed nor stored
        near = error.object[max(error.start - 40, 0) : error.end + 20]
        print(f"not UTF-8, so it cannot be stored: {near!a}; rename that file or folder", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader, such as `| head`, has closed its end
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:  # a path that cannot be read or is too long, a broken disk
        print(f"{str(error.filename or '')[:200]}: {error.strerror or error}".lstrip(": "), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return 130


def parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    # SUPPRESS: after the subcommand, its default must not override an option given before it.
    common = _Parser(add_help=False)
    common.add_argument(
        "--artifacts", metavar="DIR", default=argparse.SUPPRESS, help="artifact root (./artifacts)"
    )
    top = _Parser(prog="sedcore", description="Train, compare and choose multi-label sound event models.")
    top.add_argument("--artifacts", metavar="DIR", default=None, help="artifact root (./artifacts)")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(within, name: str, command, text: str) -> argparse.ArgumentParser:
        made = within.add_parser(name, help=text, description=text, parents=[common])
        made.set_defaults(command=command)
        return made

    def group(within, name: str, text: str):
        made = within.add_parser(name, help=text, parents=[common])
        return made.add_subparsers(required=True, metavar="ACTION")

    for module in GROUPS:
        module.register(add, commands, group)
    return top
