"""What Sightline costs, measured on the real programs: ``make bench`` writes docs/benchmarks.md."""
