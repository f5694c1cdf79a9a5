"""Where the demo serves: on this machine only, on a port that is free."""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass

from prefapp.demo.errors import DemoError


@dataclass(frozen=True)
class Address:
    """The host as the user wrote it, and the address it stands for."""

    host: str
    ip: str
    port: int

    @property
    def netloc(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.netloc}/"

    @classmethod
    def find(cls, host: str, port: int) -> Address:
        """Raises DemoError unless the host is a loopback address and the port is free."""
        if not 1 <= port <= 65535:
            raise DemoError(f"There is no port {port}; ports are 1 to 65535.")
        try:
            found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            raise DemoError(f"There is no host {host}: {error}") from error
        if not all(ipaddress.ip_address(ip).is_loopback for ip in found):
            raise DemoError(f"The demo's log-ins are for this machine alone, so it does not listen on {host}.")
        # A name such as localhost has several; every client tries the IPv4 one.
        ip = next((ip for ip in found if "." in ip), found[0])
        with socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((ip, port))
            except OSError as error:
                reason = (error.strerror or str(error)).lower()
                raise DemoError(f"Cannot listen on {host} port {port}: {reason}; choose another --port.") from error
        return cls(host, ip, port)
