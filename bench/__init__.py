"""Benchmarks against the peers in the same run: ratios, never absolute claims. Run with `make bench`."""
