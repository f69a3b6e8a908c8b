"""`python -m lumos_dagster.cli` is the `lumos` command."""

from lumos_dagster.cli import main

if __name__ == "__main__":
    main()
