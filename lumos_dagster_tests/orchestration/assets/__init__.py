"""What the catalogue shows of jobs."""
