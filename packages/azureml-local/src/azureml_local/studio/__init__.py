"""The studio: web pages for a workspace's jobs, endpoints, assets, compute and schedules."""
