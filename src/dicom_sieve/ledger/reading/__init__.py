"""What the ledger is asked."""
