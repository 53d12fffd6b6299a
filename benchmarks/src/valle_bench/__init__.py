"""What benchmarks share: cases that plugins bring, reports, and their pictures."""
