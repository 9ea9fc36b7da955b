"""Looks in the forms of the programs where people go on: QuPath, GIS, spreadsheets, OME-Zarr viewers."""
