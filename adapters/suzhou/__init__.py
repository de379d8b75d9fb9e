"""The Suzhou registry over a folder of CSV files."""
