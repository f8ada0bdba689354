"""Benchmarks a stranger can run: `python -m bench.<name> --help`. Each prints one JSON line and saves it in bench/results."""
