"""`manage.py demo`: everything in one command."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from prefapp.demo.errors import DemoError
from prefapp.demo.run import run
from prefapp.embedded import EmbeddedError


class Command(BaseCommand):
    help = (
        "Runs a whole Prefapp on this machine, with a project to try: database, broker, web server, worker and beat. "
        "Prints its address and log-ins, and writes them to demo.json in the data directory (PREFAPP_DATA_DIR). "
        "Ctrl-C stops it all; the next run goes on with the same data."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="the web server's port (default: %(default)s)")
        parser.add_argument("--host", default="127.0.0.1", help="a loopback address (default: %(default)s)")
        parser.add_argument("--fresh", action="store_true", help="throw away the data of earlier runs first")

    def handle(self, *, host: str, port: int, fresh: bool, **_: Any) -> None:
        try:
            run(host=host, port=port, fresh=fresh, say=self._say)
        except (DemoError, EmbeddedError) as error:
            raise CommandError(str(error)) from error

    def _say(self, text: str) -> None:
        self.stdout.write(text)
        self.stdout.flush()
