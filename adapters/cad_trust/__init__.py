"""CAD Trust: its data model, spreadsheets and JSON, picklists, checks, comparison. See README.md beside this file."""
