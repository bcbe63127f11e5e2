"""What a model has to show before it is released, and how that is measured.

Runbooks call these functions with plain data frames; nothing here knows of a workspace, so the same
numbers come out on a laptop, in a pipeline and on Azure ML.
"""
