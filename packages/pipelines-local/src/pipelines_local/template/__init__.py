"""Template expansion: one document without templates and ``${{ }}``."""

from pipelines_local.template.expansion import ExpandedPipeline, expand

__all__ = ["ExpandedPipeline", "expand"]
