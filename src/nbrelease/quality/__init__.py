"""Measure a model, apply the release criteria, and monitor it after the release.

Runbooks call these functions with data frames; nothing here needs a workspace, so the results are
the same on a laptop, in a pipeline and on Azure ML.
"""
