"""A local Azure ML workspace: Azure ML's HTTP protocol on loopback."""
