"""The commands of the extension ``ml``: each calls one operation of the unmodified SDK."""
