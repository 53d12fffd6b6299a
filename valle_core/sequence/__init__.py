"""The order of the segments of a row, and the rows of a batch."""
