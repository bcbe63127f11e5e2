"""The configuration of ``az``: its folder, its defaults and the current subscription.

The folder is ``AZURE_CONFIG_DIR``, as for the Azure CLI: pipeline steps that share it share the
configuration, and other steps do not.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from azureml_local.az.errors import AzError
from azureml_local.files import write_text

SUBSCRIPTION = "00000000-0000-0000-0000-000000000"
"""The SDK sends no telemetry for this subscription."""
SUBSCRIPTION_NAME = "azureml-local"
TENANT = "00000000-0000-0000-0000-000000000000"
CLOUD = "AzureMLLocal"
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{9,12}", re.IGNORECASE)
_FILE = "azureProfile.json"


def config_folder(data: Path) -> Path:
    """The configuration folder: ``AZURE_CONFIG_DIR``, else one of this workspace."""
    configured = os.environ.get("AZURE_CONFIG_DIR")
    return Path(configured).expanduser() if configured else data / ".azure"


class User(TypedDict):
    """Who is logged in."""

    name: str
    type: str


class Account(TypedDict):
    """A subscription as ``az account show`` prints it."""

    environmentName: str
    homeTenantId: str
    id: str
    isDefault: bool
    managedByTenants: list[str]
    name: str
    state: str
    tenantId: str
    user: User


@dataclass(frozen=True)
class Profile:
    """The configuration of a call.

    Attributes:
        data: the data folder of the local workspace.
        folder: the configuration folder.
    """

    data: Path
    folder: Path

    @property
    def version(self) -> str:
        """The version of azureml-local."""
        from importlib.metadata import version  # slow, and only two commands need it

        return version("azureml-local")

    def subscription(self, name: str | None = None) -> str:
        """The id of a subscription by id or name; without one, of the current subscription.

        Raises:
            AzError: the subscription is unknown.
        """
        if name is None:
            return self._current()
        if name.lower() == SUBSCRIPTION_NAME:
            return SUBSCRIPTION
        if not _ID.fullmatch(name):
            raise AzError(
                f"The subscription of '{name}' doesn't exist in cloud '{CLOUD}'. The local az "
                f"accepts any subscription id, and the name {SUBSCRIPTION_NAME}."
            )
        return name

    def set_subscription(self, name: str) -> None:
        """Make a subscription the current one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_text(self.folder / _FILE, json.dumps({"subscription": self.subscription(name)}))

    def account(self, name: str | None = None) -> Account:
        """A subscription by id or name; without one, the current subscription."""
        subscription = self.subscription(name)
        return {
            "environmentName": CLOUD,
            "homeTenantId": TENANT,
            "id": subscription,
            "isDefault": subscription == self._current(),
            "managedByTenants": [],
            "name": SUBSCRIPTION_NAME if subscription == SUBSCRIPTION else subscription,
            "state": "Enabled",
            "tenantId": TENANT,
            "user": {"name": TENANT, "type": "servicePrincipal"},
        }

    def accounts(self) -> list[Account]:
        """All subscriptions that were used with this configuration."""
        current = self._current()
        others = [] if current == SUBSCRIPTION else [self.account(current)]
        return [self.account(SUBSCRIPTION), *others]

    def _current(self) -> str:
        try:
            content = json.loads((self.folder / _FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return SUBSCRIPTION
        return str(content["subscription"])
