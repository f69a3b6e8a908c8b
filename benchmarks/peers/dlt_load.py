"""dlt: python dlt_load.py CSV URL TABLE default|best. Best: Arrow tables and its ConnectorX-free CSV load."""

import os
import sys
import tempfile

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
DATES = ("l_shipdate", "l_commitdate", "l_receiptdate")
NUMBERS = ("l_quantity", "l_extendedprice", "l_discount", "l_tax")


def main(file: str, url: str, table: str, way: str) -> None:
    """Load one file."""
    import dlt
    import pyarrow as pa
    import pyarrow.csv

    types = {**dict.fromkeys(DATES, pa.date32()), **dict.fromkeys(NUMBERS, pa.decimal128(12, 2))}
    rows = pyarrow.csv.open_csv(file, convert_options=pyarrow.csv.ConvertOptions(column_types=types))
    resource = (batch.to_pylist() for batch in rows) if way == "default" else (pa.Table.from_batches([b]) for b in rows)
    if way == "best":
        os.environ["NORMALIZE__DATA_WRITER__FILE_MAX_ITEMS"] = "500000"
        os.environ["LOAD__WORKERS"] = "2"
    url = url.replace("@", ":unused@", 1)  # it demands a password, though the server asks for none
    place = dlt.destinations.postgres(url)
    pipeline = dlt.pipeline("bench", destination=place, dataset_name="public", pipelines_dir=tempfile.mkdtemp(dir="."))
    more = {"loader_file_format": "csv"} if way == "best" else {}
    pipeline.run(resource, table_name=table, write_disposition="append", **more)


if __name__ == "__main__":
    main(*sys.argv[1:5])
