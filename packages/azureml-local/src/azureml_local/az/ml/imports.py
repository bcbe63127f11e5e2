"""Imports what ``az ml`` commands need, so that the forks of a preloaded process have it."""

import azure.ai.ml.entities
import azure.identity
import jmespath
import yaml

import azureml_local.az.core
import azureml_local.az.program

__all__ = ["azure", "azureml_local", "jmespath", "yaml"]
