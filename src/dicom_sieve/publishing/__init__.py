"""What a run leaves behind for others: a manifest in Parquet and JSON, frozen, and a report for people to read."""
