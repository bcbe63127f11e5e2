"""The commands outside the extension ``ml``; they do not import the SDK."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict
from urllib.parse import quote

from knack.config import CLIConfig
from knack.log import get_logger

from azureml_local.az.errors import AzError, NotFound, NotSupported
from azureml_local.az.ml.generic_update import parse_pairs
from azureml_local.az.profile import Account, Profile
from azureml_local.az.program import Arguments, Handler
from azureml_local.az.server_client import ServerClient

logger = get_logger(__name__)

CLI_VERSION, ML_VERSION = "2.91.0", "2.15.0"
"""The versions whose commands ``commands.txt`` lists."""
EXTENSION = "ml"

ACCOUNT_COLUMNS = (
    "{Name: name, CloudName: environmentName, SubscriptionId: id, TenantId: tenantId, "
    "State: state, IsDefault: isDefault}"
)
TABLE_TRANSFORMERS = {
    "account list": f"[].{ACCOUNT_COLUMNS}",
    "account show": (
        "{EnvironmentName: environmentName, HomeTenantId: homeTenantId, IsDefault: isDefault, "
        "Name: name, State: state, TenantId: tenantId}"
    ),
    "configure": "[].{Name: name, Source: source, Value: value}",
    "extension list": (
        "[].{Experimental: experimental, ExtensionType: extensionType, Name: name, Path: path, "
        "Preview: preview, Version: version}"
    ),
    "group show": "{Location: location, Name: name}",
}
"""The columns of ``-o table``."""

HANDLERS: dict[str, Handler] = {}


class TokenOutput(TypedDict):
    """The output of ``az account get-access-token``."""

    accessToken: str
    expiresOn: str
    expires_on: int
    tenant: str
    tokenType: str
    subscription: NotRequired[str]


class Extension(TypedDict):
    """An extension as ``az extension show`` prints it."""

    experimental: bool
    extensionType: str
    name: str
    path: str
    preview: bool
    version: str


class ResourceGroup(TypedDict):
    """A resource group as ``az group show`` prints it."""

    id: str
    location: str
    managedBy: str | None
    name: str
    properties: dict[str, str]
    tags: dict[str, str] | None
    type: str


def _command(name: str) -> Callable[[Handler], Handler]:
    def register(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return register


def _config(profile: Profile, *, local: bool) -> CLIConfig:
    """The configuration.

    Args:
        profile: has the folder of the global configuration.
        local: whether to use the configuration of the working directory, too.
    """
    return CLIConfig(
        config_dir=str(profile.folder), config_env_var_prefix="AZURE", use_local_config=local
    )


def _split_key(key: str) -> tuple[str, str]:
    section, _, name = key.partition(".")
    if not name:
        raise AzError(f"Invalid key '{key}': use SECTION.NAME.")
    return section, name


@_command("account show")
def _account_show(profile: Profile, arguments: Arguments) -> Account:
    return profile.account(arguments.subscription)


@_command("account list")
def _account_list(profile: Profile, _arguments: Arguments) -> list[Account]:
    return profile.accounts()


@_command("account set")
def _account_set(profile: Profile, arguments: Arguments) -> None:
    profile.set_subscription(arguments.subscription)


@_command("account get-access-token")
def _account_token(profile: Profile, arguments: Arguments) -> TokenOutput:
    if arguments.scope and arguments.resource:
        raise AzError("resource and scope can't be provided at the same time.")
    if arguments.tenant and arguments.subscription:
        raise AzError("--tenant and --subscription can't be provided at the same time.")
    server = ServerClient.from_folder(profile.data)
    scope = (arguments.scope or "").removesuffix("/.default")
    token = server.token(arguments.resource or scope or f"{server.url}/")
    expires = datetime.fromtimestamp(int(token["expires_on"]), UTC).astimezone()
    result: TokenOutput = {
        "accessToken": token["access_token"],
        "expiresOn": expires.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "expires_on": int(token["expires_on"]),
        "tenant": arguments.tenant or profile.account()["tenantId"],
        "tokenType": token["token_type"],
    }
    if not arguments.tenant:
        result["subscription"] = profile.subscription(arguments.subscription)
    return result


@_command("login")
def _login(profile: Profile, arguments: Arguments) -> list[Account]:
    if arguments.identity and (arguments.service_principal or arguments.username):
        raise AzError("usage error: --identity | --service-principal -u USERNAME -t TENANT")
    if arguments.service_principal:
        secret = arguments.password or arguments.certificate or arguments.federated_token
        if not (arguments.username and arguments.tenant and secret):
            raise AzError(
                "usage error: --service-principal -u USERNAME -t TENANT and one of --password, "
                "--certificate, --federated-token"
            )
    elif not arguments.identity:
        raise NotSupported("an interactive 'az login'")
    if arguments.subscription:
        profile.set_subscription(arguments.subscription)
    return profile.accounts()


@_command("logout")
def _logout(_profile: Profile, _arguments: Arguments) -> None:
    logger.warning("The local az is always logged in.")


@_command("version")
def _version(profile: Profile, _arguments: Arguments) -> dict[str, str | dict[str, str]]:
    return {
        "azure-cli": CLI_VERSION,
        "azure-cli-core": CLI_VERSION,
        "azureml-local": profile.version,
        "extensions": {EXTENSION: ML_VERSION},
    }


@_command("configure")
def _configure(profile: Profile, arguments: Arguments) -> list[dict[str, str]] | None:
    config = _config(profile, local=arguments.scope == "local")
    if arguments.defaults:
        for pair in arguments.defaults:
            name, equals, value = pair.partition("=")
            if not equals:
                raise AzError("usage error: --defaults STRING=STRING STRING=STRING ...")
            config.set_value(config.defaults_section_name, name, value)
        return None
    if arguments.list_defaults:
        return [item for item in config.items(config.defaults_section_name) if item["value"]]
    raise NotSupported("an interactive 'az configure'")


@_command("config set")
def _config_set(profile: Profile, arguments: Arguments) -> None:
    config = _config(profile, local=arguments.local)
    for pair in arguments.key_value:
        key, equals, value = pair.partition("=")
        if not equals:
            raise AzError(f"Invalid key-value pair '{pair}': use SECTION.NAME=VALUE.")
        config.set_value(*_split_key(key), value)


@_command("config get")
def _config_get(profile: Profile, arguments: Arguments) -> Any:
    config = _config(profile, local=arguments.local)
    if not arguments.key:
        return {section: config.items(section) for section in config.sections()}
    section, dot, name = arguments.key.partition(".")
    items = config.items(section)
    if not dot:
        return items
    for item in items:
        if item["name"] == name:
            return item
    raise AzError(f"Configuration '{arguments.key}' is not set.")


@_command("config unset")
def _config_unset(profile: Profile, arguments: Arguments) -> None:
    config = _config(profile, local=arguments.local)
    for key in arguments.key:
        config.remove_option(*_split_key(key))


def _extension(profile: Profile) -> Extension:
    return {
        "experimental": False,
        "extensionType": "whl",
        "name": EXTENSION,
        "path": str(profile.data),
        "preview": False,
        "version": ML_VERSION,
    }


def _require_ml(name: str) -> None:
    if name != EXTENSION:
        raise AzError(f"The extension {name} is not installed.")


@_command("extension add")
def _extension_add(_profile: Profile, arguments: Arguments) -> None:
    if not arguments.name:
        raise AzError("usage error: --name NAME | --source SOURCE")
    if arguments.name != EXTENSION:
        raise NotSupported(f"the extension {arguments.name}")
    logger.warning("Extension '%s' %s is already installed.", EXTENSION, ML_VERSION)


@_command("extension update")
def _extension_update(_profile: Profile, arguments: Arguments) -> None:
    _require_ml(arguments.name)
    logger.warning("Latest version of '%s' is already installed.", EXTENSION)


@_command("extension remove")
def _extension_remove(_profile: Profile, arguments: Arguments) -> None:
    _require_ml(arguments.name)
    logger.warning("The local az always has the extension '%s'.", EXTENSION)


@_command("extension list")
def _extension_list(profile: Profile, _arguments: Arguments) -> list[Extension]:
    return [_extension(profile)]


@_command("extension show")
def _extension_show(profile: Profile, arguments: Arguments) -> Extension:
    _require_ml(arguments.name)
    return _extension(profile)


def _group(profile: Profile, arguments: Arguments) -> ResourceGroup:
    subscription = profile.subscription(arguments.subscription)
    path = f"/subscriptions/{subscription}/resourceGroups/{quote(arguments.name, safe='')}"
    group = ServerClient.from_folder(profile.data).request("GET", path)
    return {
        "id": path,
        "location": str(group["location"]),
        "managedBy": None,
        "name": str(group["name"]),
        "properties": {"provisioningState": "Succeeded"},
        "tags": None,
        "type": "Microsoft.Resources/resourceGroups",
    }


@_command("group show")
def _group_show(profile: Profile, arguments: Arguments) -> ResourceGroup:
    return _group(profile, arguments)


@_command("group exists")
def _group_exists(profile: Profile, arguments: Arguments) -> bool:
    try:
        _group(profile, arguments)
    except NotFound:
        return False
    return True


@_command("group create")
def _group_create(profile: Profile, arguments: Arguments) -> ResourceGroup:
    return {
        **_group(profile, arguments),
        "location": arguments.location.lower().replace(" ", ""),
        "managedBy": arguments.managed_by,
        "tags": parse_pairs(arguments.tags, "--tags") or None,
    }
