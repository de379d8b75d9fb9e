"""The CDM registry of the UNFCCC, as published in monthly spreadsheets. README.md says what is in them."""
