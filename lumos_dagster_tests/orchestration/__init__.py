"""Tests of the floor that knows Dagster."""
