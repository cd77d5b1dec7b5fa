"""Speed and memory against named baselines, as ratios measured in one run: `python -m benchmarks`."""
