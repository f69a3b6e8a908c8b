"""CSV files: read strictly and in bounded memory, written whole or not at all."""

from lumos_dagster.connectors.csv.extractor import CsvExtractor
from lumos_dagster.connectors.csv.loader import CsvLoader

__all__ = ["CsvExtractor", "CsvLoader"]
