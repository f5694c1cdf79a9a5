#!/usr/bin/env python
"""The command line: `manage.py help` lists the commands."""

import os
import sys
from typing import NoReturn

from django.core.management.base import CommandParser

from prefapp import embedded

# These neither read nor write what the servers hold; every other command gets them started.
WITHOUT_SERVERS = {
    *("check", "compilemessages", "diffsettings", "findstatic", "help", "makemessages"),
    *("makemigrations", "spectacular", "startapp", "verify_snapshot", "version"),
    "demo",  # starts them itself, after it has looked whether it can serve at all
}

UNDEFINED_TABLE = "42P01"


def needs_servers(arguments: list[str]) -> bool:
    """Whether a command line, given without the program's name, works on the database or the broker."""
    if not arguments or arguments[0] in WITHOUT_SERVERS:
        return False
    return not {"-h", "--help", "--version"} & set(arguments)


def tell_in_one_line(parser: CommandParser, message: str) -> NoReturn:
    """What is wrong with a command line; argparse itself would print the whole usage before it."""
    parser.exit(2, f"{parser.prog}: {message}; --help tells more\n")


def main() -> None:
    try:
        try:
            run()
        except SystemExit:
            sys.stdout.flush()
            raise
        sys.stdout.flush()
    except BrokenPipeError:  # as by “| head -1”: nobody reads on, and what is still buffered is for nobody
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (sys.stdout, sys.stderr):
            os.dup2(nowhere, stream.fileno())
        sys.exit(1)


def run() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "prefapp.settings")
    from django.core.management import execute_from_command_line
    from django.db import ProgrammingError

    CommandParser.error = tell_in_one_line
    try:
        if needs_servers(sys.argv[1:]):
            embedded.hold_or_exit()
        execute_from_command_line(sys.argv)
    except embedded.EmbeddedError as error:
        sys.exit(str(error))  # the settings found the data directory unusable
    except ProgrammingError as error:
        if getattr(error.__cause__, "sqlstate", None) != UNDEFINED_TABLE:
            raise
        sys.exit("The database lacks tables: is PREFAPP_DATA_DIR or DATABASE_URL as it should be? If so, run migrate.")


if __name__ == "__main__":
    main()
