"""Storage of workspaces: blobs, Data Lake Gen2 file systems, and the datastores that name them."""
