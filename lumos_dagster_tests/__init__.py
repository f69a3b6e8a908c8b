"""Tests of lumos_dagster; the folders mirror the package."""
