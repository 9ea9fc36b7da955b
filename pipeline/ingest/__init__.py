"""From any image that opens to an OME-Zarr pyramid: planned, reduced, encoded, and published in one step."""
