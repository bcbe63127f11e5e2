"""What ``nbrelease new`` adds to the folders of this repository.

``tasks`` has a starter for each task: notebooks, data, release criteria, and the training section
of settings.ini. Makefile, README and pyproject.toml are those of every new project. A wheel also
contains the example of this repository, in ``project``.
"""
