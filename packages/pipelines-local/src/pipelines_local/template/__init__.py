"""Template expansion: one document without templates and ``${{ }}``."""

from pipelines_local.template.expander import ExpandedPipeline, expand

__all__ = ["ExpandedPipeline", "expand"]
