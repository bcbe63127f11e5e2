"""Managed online endpoints: each deployment a process, traffic split between them."""
