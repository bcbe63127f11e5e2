"""Loading a registered model and asking it, in the processes that batch and online start."""
