"""The program: parses a command line with knack, runs the command and prints its result."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any, NoReturn, TypedDict

from knack.arguments import CLICommandArgument
from knack.cli import CLI
from knack.commands import CLICommand, CLICommandsLoader
from knack.log import CLI_LOGGER_NAME, get_logger
from knack.parser import CLICommandParser
from knack.util import CLIError

from azureml_local.az import syntax
from azureml_local.az.errors import AzError, NotSupported
from azureml_local.az.profile import Profile

logger = get_logger(__name__)

CONFIGURED_DEFAULTS = {"resource_group": "group", "workspace_name": "workspace"}
"""Attributes of options to their keys in ``az configure --defaults``."""
NOT_SUPPORTED = "Not supported by the local az."
TRUE, FALSE = ("true", "1", "yes", "y", "t"), ("false", "0", "no", "n", "f")

Arguments = argparse.Namespace
Handler = Callable[[Profile, Arguments], Any]
"""Runs a command; the result is printed unless it is None."""


class _Unsupported(argparse.Action):
    """An option of the Azure CLI that the local ``az`` does not support."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        if values is not False:  # `--local false` is the default
            raise NotSupported(f"{option_string} of '{parser.prog}'")


class _Parser(CLICommandParser):  # type: ignore[misc]
    """The parser of knack; wrong usage prints one line to standard error and exits with 2."""

    def error(self, message: str) -> NoReturn:
        logger.error(message)
        sys.exit(2)


def _boolean(text: str) -> bool:
    if text.lower() not in (*TRUE, *FALSE):
        raise ValueError(text)
    return text.lower() in TRUE


def _argument(option: syntax.Option) -> CLICommandArgument:
    """An option as an argument of knack."""
    description = "" if option.supported else NOT_SUPPORTED
    settings: _Settings = {"options_list": list(option.names), "help": description}
    if option.kind == syntax.FLAG:
        settings["action"] = "store_true"
    elif option.kind == syntax.OPTIONAL_FLAG:
        settings |= {"nargs": "?", "const": True, "type": _boolean, "default": False}
    elif option.kind == syntax.REPEATED:
        action = "append" if option.dest in ("add", "remove") else "extend"
        settings |= {"nargs": "+", "action": action}
    elif option.kind == syntax.LIST:
        settings["nargs"] = "+" if option.dest in ("key", "key_value") else "*"
    elif option.kind == syntax.INTEGER:
        settings["type"] = int
    if option.choices:
        settings["choices"] = list(option.choices)
    if option.default is not None:
        settings["default"] = option.default
    if not option.supported:
        settings["action"] = _Unsupported
        if option.kind == syntax.FLAG:
            settings["nargs"] = 0
    argument = CLICommandArgument(option.dest, required=option.required, **settings)
    if not option.names[0].startswith("-"):
        argument.options_list = []
        argument.nargs = settings.get("nargs", "?")
    return argument


class _Settings(TypedDict, total=False):
    """The settings of an argument for knack and argparse."""

    options_list: list[str]
    help: str
    action: str | type[argparse.Action]
    nargs: str | int
    const: bool
    type: Callable[[str], int | bool]
    default: object
    choices: list[str]


class _Loader(CLICommandsLoader):  # type: ignore[misc]
    """Loads the one command of a command line, or the commands of a group for its help."""

    def load_command_table(self, args: list[str]) -> Any:
        for name in syntax.find_commands(_words(args)):
            self._populate_command_group_table_with_subgroups(" ".join(name.split()[:-1]))
            self.command_table[name] = self._create(syntax.get_command(name))
        for attribute, key in CONFIGURED_DEFAULTS.items():
            self.argument_registry.register_cli_argument(
                "", attribute, None, configured_default=key
            )
        return super().load_command_table(args)

    def _create(self, command: syntax.Command) -> CLICommand:
        context: Program = self.cli_ctx

        def load_arguments() -> list[tuple[str, CLICommandArgument]]:
            # knack adds --yes to commands with a confirmation
            options = [
                each for each in command.options if each.dest != "yes" or not command.confirms
            ]
            if not any("--subscription" in each.names for each in options):
                options.append(syntax.Option(("--subscription",)))
            return [(each.dest, _argument(each)) for each in options]

        def run(params: Mapping[str, Any]) -> Any:
            return context.run_command(command.name, Arguments(**params))

        return CLICommand(
            context,
            command.name,
            run,
            description=None if command.supported else NOT_SUPPORTED,
            arguments_loader=load_arguments,
            confirmation=command.confirms,
            table_transformer=context.table_transformer(command.name),
        )


def _words(argv: Sequence[str]) -> list[str]:
    """The words before the first option."""
    return list(takewhile(lambda each: not each.startswith("-"), argv))


class Program(CLI):  # type: ignore[misc]
    """``az`` with the commands of ``commands.txt``."""

    def __init__(
        self,
        profile: Profile,
        run_command: Callable[[Profile, str, Arguments], Any],
        table_transformers: Mapping[str, str],
    ) -> None:
        """Configure the program.

        Args:
            profile: the configuration.
            run_command: runs a command by its name.
            table_transformers: the JMESPath expressions for ``-o table`` by command.
        """
        super().__init__(
            cli_name="az",
            config_dir=str(profile.folder),
            config_env_var_prefix="AZURE",
            out_file=sys.stdout,
            parser_cls=_Parser,
            commands_loader_cls=_Loader,
        )
        self._profile = profile
        self._run_command = run_command
        self._table_transformers = table_transformers

    def run_command(self, name: str, arguments: Arguments) -> Any:
        """Run a command and return its result."""
        arguments.only_show_errors = self.only_show_errors
        return self._run_command(self._profile, name, arguments)

    def table_transformer(self, name: str) -> str | None:
        """The JMESPath expression for the table of a command; None without one."""
        return self._table_transformers.get(name)

    def get_cli_version(self) -> str:
        """The text of ``az --version``."""
        return f"{self._profile.version} (the local az of azureml-local)"

    def exception_handler(self, ex: Exception) -> int:
        """Print an error and return the exit code."""
        if isinstance(ex, AzError):
            logger.error(ex)
            return ex.exit_code
        if isinstance(ex, CLIError):
            return int(super().exception_handler(ex))
        logger.error("The command failed with an unexpected error: %r", ex)
        logger.debug("", exc_info=ex)
        return 1


def run(program: Program, argv: Sequence[str]) -> int:
    """Run a command line and return its exit code."""
    arguments = list(argv)
    for name in ("", CLI_LOGGER_NAME):  # knack configures no logging if a library has
        logging.getLogger(name).handlers.clear()
    try:
        _require_supported(arguments)
        return int(program.invoke(arguments) or 0)
    except NotSupported as error:
        sys.stderr.write(f"ERROR: {error}\n")
        return error.exit_code
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _require_supported(argv: list[str]) -> None:
    """Refuse a command that is unknown or not supported."""
    words = _words(argv)
    if not words or words == ["help"]:
        return
    names = syntax.find_commands(words)
    matched = " ".join(words).lower()
    if len(names) == 1:
        is_command = f"{matched} ".startswith(f"{names[0]} ")
        if is_command and syntax.get_command(names[0]).supported:
            command = names[0].split()
            argv[: len(command)] = command  # the names of commands are case-insensitive
            return
    else:
        is_group = all(name.startswith(f"{matched} ") for name in names)
        if is_group:
            return
    raise NotSupported(f"'az {' '.join(words)}'")
