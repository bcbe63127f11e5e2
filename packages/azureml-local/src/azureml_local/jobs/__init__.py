"""Jobs: each submitted job runs in a process group and a folder of its own."""
