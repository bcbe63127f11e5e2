"""The variables of a client: those of the server, which extend those of the user.

The server's variables have the proxy exceptions and the authorities that the user had when the
server started. A user who runs a client later may have others.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from azureml_local import certificates

DIRECT_HOSTS = ("NO_PROXY", "no_proxy")


def join_hosts(*lists: str) -> str:
    """Join lists of host names separated by commas; each name appears once."""
    names = (name.strip() for hosts in lists for name in hosts.split(","))
    return ",".join(dict.fromkeys(filter(None, names)))


def client_variables(server: Mapping[str, str], user: Mapping[str, str]) -> dict[str, str]:
    """The variables that connect a client of this user.

    Args:
        server: the variables of the server file.
        user: the user's environment. Its hosts without proxy are added. Its ``SSL_CERT_FILE`` is
            used if the server's bundle does not contain it.
    """
    variables = dict(server)
    own_hosts = user.get("NO_PROXY") or user.get("no_proxy") or ""
    for name in DIRECT_HOSTS:
        if name in variables:
            variables[name] = join_hosts(own_hosts, variables[name])
    own, bundle = user.get("SSL_CERT_FILE"), variables.get("SSL_CERT_FILE")
    if own and bundle and not certificates.contains(Path(bundle), Path(own)):
        variables["SSL_CERT_FILE"] = own
    return variables
