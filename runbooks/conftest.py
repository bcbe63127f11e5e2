"""For nbval: ``pytest --nbval-lax runbooks/`` runs the runbooks of a release in order.

The runbooks that change or monitor a live endpoint are excluded.
"""

collect_ignore = [
    "00_provision.ipynb",
    "09_rollback.ipynb",
    "10_teardown.ipynb",
    "11_monitor.ipynb",
]
