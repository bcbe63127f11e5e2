"""A project whose pipelines take seconds: a release of two stages, the second with an approval."""

from __future__ import annotations

import subprocess
from pathlib import Path

SETTINGS = Path(__file__).parents[3] / "settings.ini"
# The address of a local workspace: a rehearsal with it starts none, and these steps use none.
NO_WORKSPACE = ("ARM_CLOUD_METADATA_URL", "https://localhost:4711/metadata/endpoints")
PIPELINE = """\
name: dev-1
parameters:
  - name: model
    type: string
    default: ' '
stages:
  - stage: build
    displayName: Build
    jobs:
      - job: code
        displayName: Code and release id
        steps:
          - bash: |
              "$VENV/bin/nbrelease" release begin --env dev --model "${{ parameters.model }}"
              id=$(cd evidence && ls -d dev-*)
              test ! -f runbooks/20_count.ipynb || "$VENV/bin/nbrelease" run 20_count --env dev --release "$id"
              "$VENV/bin/nbrelease" evidence build --env dev --waiting-for prod "$id"
              echo "##vso[task.setvariable variable=id]$id"
            displayName: Begin the release
          - publish: evidence/$(id)
            artifact: page
  - stage: register
    displayName: Register the model
    dependsOn: build
    jobs:
      - deployment: register
        displayName: Register
        environment: prod
        strategy:
          runOnce:
            deploy:
              steps:
                - bash: echo registered
                  displayName: Register the version
"""
SECOND_APPROVAL = """\
  - stage: release
    displayName: Move the traffic
    dependsOn: register
    jobs:
      - deployment: release
        environment: prod
        strategy:
          runOnce:
            deploy:
              steps:
                - bash: echo released
"""
SLOW = "steps:\n  - checkout: none\n  - bash: sleep 600\n    displayName: Sleep\n"
BROKEN = """\
steps:
  - bash: echo
    unknown: 1
parameters:
  - name: drill
    type: boolean
    default: false
"""


def write_project(root: Path) -> None:
    """Write a project of settings, data and pipelines, and commit it."""
    (root / "data").mkdir(parents=True)
    (root / "data" / "diabetes-sample.csv").write_text("Diabetic\n1\n", "utf-8")
    (root / "runbooks").mkdir()
    text = SETTINGS.read_text("utf-8").replace("isolation = auto\n", "")
    head, _, rest = text.partition("[train]")  # there is no training notebook
    text = f"{head}[dev]{rest.partition('[dev]')[2]}\n[model:second]\n"
    (root / "settings.ini").write_text(text, "utf-8")
    write_pipelines(root, PIPELINE + SECOND_APPROVAL)
    git = ["git", "-C", root, "-c", "user.name=Ada", "-c", "user.email=ada@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "first"]):
        subprocess.run([*git, *arguments], check=True)


def write_pipelines(root: Path, dev: str = PIPELINE) -> None:
    """Write ``.ado`` with dev (an approval), qa (ten minutes) and prod (not valid)."""
    folder = root / ".ado"
    folder.mkdir()
    (folder / "mlops-deploy-dev-ci-pipeline.yml").write_text(dev, "utf-8")
    (folder / "mlops-qa-ci-pipeline.yml").write_text(SLOW, "utf-8")
    (folder / "mlops-deploy-prod-ct-cd-pipeline.yml").write_text(BROKEN, "utf-8")
