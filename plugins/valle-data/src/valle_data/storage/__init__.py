"""Writing datasets: records, their index and their facts; and the storage that only this distribution reads."""
