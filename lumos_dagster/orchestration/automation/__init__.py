"""What starts jobs by itself, and the parts that they are run in: schedules, sensors, partitions."""
