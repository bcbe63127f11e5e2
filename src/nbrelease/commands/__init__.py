"""The verbs, one a module; each has a click command named ``command``."""
