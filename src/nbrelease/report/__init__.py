"""The report of a release: pages, charts, model card, PDF, and the site of all releases."""
