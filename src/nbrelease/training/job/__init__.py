"""Code that runs in the jobs; 02_train copies it there as the package ``nbrelease_job``."""
