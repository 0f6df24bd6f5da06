"""Benchmarks: `python -m bench` measures, prints a table, and writes JSON. Each measurement has its own file.

A measurement is an async function that takes a `Run` and returns `Figure`s. `__main__.MEASUREMENTS` lists them. Compare
ratios within one run, because absolute figures drift with the machine. A benchmark has no pass or fail.
"""
