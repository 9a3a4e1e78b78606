"""What lives while the program runs: files, jobs, the models' owner."""
