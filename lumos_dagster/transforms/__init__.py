"""Transformers: what is done to rows between the extractor and the loader."""

from lumos_dagster.transforms.filter import Filter
from lumos_dagster.transforms.json import Json
from lumos_dagster.transforms.map import Map

__all__ = ["Filter", "Json", "Map"]
