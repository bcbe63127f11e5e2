"""The attestation of a pack: manifest, signatures, and the chain of later entries."""
