"""Benchmarks: `python -m bench` measures, prints a table, and writes JSON. One file a measurement.

A measurement is an async function that takes a `Run` and returns `Figure`s; `__main__.MEASUREMENTS` lists them.
Speed is judged by ratios within one run: absolute figures drift with the machine. Nothing here passes or fails.
"""
