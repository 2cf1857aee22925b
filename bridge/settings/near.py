"""Addresses that are near: on this very machine, or on a network of its own. Pure: nothing is looked up."""

import ipaddress
import re
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a host name or literal address is this machine's own loopback; nothing is looked up."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _is_near(host: str) -> bool:
    """Loopback, or a name without a dot, which only a network of containers or the like knows."""
    return bool(host) and (is_loopback(host) or not re.search(r"[.:]", host))


def filter_url(value: str) -> str:
    """Where a filter listens, which is given every mail: by http only where it is near. Raises ValueError."""
    try:
        url = urlsplit(value)
        host, port = url.hostname or "", url.port
    except ValueError:
        host, port = "", 0
    safe = (url.scheme == "https" and host) or (url.scheme == "http" and _is_near(host)) if host else False
    if not safe or port == 0 or url.query or url.fragment or url.username:
        raise ValueError('must be an URL such as "http://127.0.0.1:11333", or https for a filter elsewhere')
    return value.rstrip("/")


def clamd_address(value: str) -> str:
    """A socket of this machine, or a port where it is near: clamd's protocol is not encrypted. Raises ValueError."""
    host, _, port = value.rpartition(":")
    if value.startswith("unix:/") or (_is_near(host.strip("[]")) and re.fullmatch(r"[0-9]{1,5}", port)):
        return value
    raise ValueError('must be "unix:/path/of/the/socket", or "host:port" on this machine or its own network')
