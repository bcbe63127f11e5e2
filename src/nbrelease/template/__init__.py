"""What a new project has and this repository has not: its own Makefile, README and pyproject.toml.

Everything else of a new project are the folders of this very repository, so that the example and
the template are the same files. A wheel carries them in ``nbrelease/template/project``.
"""
