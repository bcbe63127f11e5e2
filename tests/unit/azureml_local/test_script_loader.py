"""Scoring scripts whose ``init`` does not find the model."""

from __future__ import annotations

import pytest

from azureml_local.scoring.script_loader import ModelNotFound, call_init, load_script

SCRIPT = """
import os
def init():
    open(os.path.join(os.environ["AZUREML_MODEL_DIR"], "MLmodel"))
def run(data):
    return data
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    folder = tmp_path / "models" / "fares" / "1" / "fare-model"
    folder.mkdir(parents=True)
    monkeypatch.setenv("AZUREML_MODEL_DIR", str(folder.parent))
    (tmp_path / "score.py").write_text(SCRIPT)
    return load_script(tmp_path, "score.py")


def test_the_error_has_the_content_of_the_model_folder(module):
    with pytest.raises(ModelNotFound, match=r"AZUREML_MODEL_DIR has: fare-model$") as caught:
        call_init(module)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_another_error_is_unchanged(module, monkeypatch):
    monkeypatch.delenv("AZUREML_MODEL_DIR")
    with pytest.raises(KeyError):
        call_init(module)
