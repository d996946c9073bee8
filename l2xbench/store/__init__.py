"""The only code that writes results: units and their keys, journals, records, files."""
