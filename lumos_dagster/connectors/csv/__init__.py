"""CSV files: read strictly and in bounded memory, written whole or not at all."""
