"""Transformers: what is done to rows between the extractor and the loader."""

from lumos_dagster.transforms.aggregate import Aggregate
from lumos_dagster.transforms.deduplicate import Deduplicate
from lumos_dagster.transforms.filter import Filter
from lumos_dagster.transforms.join import Join
from lumos_dagster.transforms.json import Json
from lumos_dagster.transforms.map import Map
from lumos_dagster.transforms.python import Python
from lumos_dagster.transforms.sort import Sort
from lumos_dagster.transforms.split import Split
from lumos_dagster.transforms.sql import Sql

__all__ = ["Aggregate", "Deduplicate", "Filter", "Join", "Json", "Map", "Python", "Sort", "Split", "Sql"]
