"""The studio: pages that show a workspace's jobs, endpoints and assets in a browser."""
