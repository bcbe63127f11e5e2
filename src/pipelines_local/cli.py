"""``pipelines-local``: validate, expand, run and eval from a command line."""
