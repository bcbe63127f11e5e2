"""Versioned assets: environments, data, models, components and code; registries share them."""
