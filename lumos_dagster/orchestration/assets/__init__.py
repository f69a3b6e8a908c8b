"""What jobs read and write as assets: their keys, their lineage, what each load tells of them, and their checks."""
