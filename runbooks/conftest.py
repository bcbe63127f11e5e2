"""For stock nbval: ``pytest --nbval-lax runbooks/`` runs the line of a release.

Operations on what is live are no checks, so pytest leaves them alone.
"""

collect_ignore = [
    "00_provision.ipynb",
    "09_rollback.ipynb",
    "10_teardown.ipynb",
    "11_monitor.ipynb",
]
