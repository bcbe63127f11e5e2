"""What proves a pack: its manifest, signatures, later entries, and their verification."""
