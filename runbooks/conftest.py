"""For nbval: ``pytest --nbval-lax runbooks/`` runs the runbooks of a release in order.

It excludes the runbooks that are not part of a release: 00, 09, 10, 11.
"""

collect_ignore = [
    "00_provision.ipynb",
    "09_rollback.ipynb",
    "10_teardown.ipynb",
    "11_monitor.ipynb",
]
