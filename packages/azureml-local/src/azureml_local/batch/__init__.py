"""Batch endpoints: a file or folder in, a job that scores it, one file of predictions out."""
