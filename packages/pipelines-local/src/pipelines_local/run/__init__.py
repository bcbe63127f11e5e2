"""Running a checked pipeline: what starts when, in which folder, with which variables."""
