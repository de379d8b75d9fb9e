"""The Hefei registry in a workbook that people edit."""
