"""The one runner of benchmarks: cells go to a worker process, figures come back, rows become tables and pictures."""
