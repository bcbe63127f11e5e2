"""A language server for notebooks: diagnostics, quick fixes and hovers in cells.

``documents`` maps cells to the documents of an editor, ``hover`` describes what is under the
cursor, ``server`` speaks the Language Server Protocol. Only ``server`` and ``documents`` import
pygls.
"""
