"""The documents of services that other services read too: their fields and types."""
