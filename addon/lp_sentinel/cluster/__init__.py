"""Captures judged on many machines, through Dask: an extra brings what this package imports."""
