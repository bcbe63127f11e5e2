"""Jobs: what is submitted is run, in a process group and a folder of its own."""
