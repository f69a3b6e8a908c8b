"""Lumos DataFlow on Dagster: one YAML file, one Dagster job, every row accounted for."""
