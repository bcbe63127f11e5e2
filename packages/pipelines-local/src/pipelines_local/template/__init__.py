"""From the files that people write to one document without templates and ``${{ }}``."""

from pipelines_local.template.expander import Expanded, expand

__all__ = ["Expanded", "expand"]
