"""The settings of the project: settings.ini, and the declarations of its keys."""

from nbrelease.settings.file import LOCAL_SUBSCRIPTION, PREFIX, Settings, load
from nbrelease.settings.keys import Environment

__all__ = ["LOCAL_SUBSCRIPTION", "PREFIX", "Environment", "Settings", "load"]
