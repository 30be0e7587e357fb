"""What makes the ledger worth an audit: seals of finished runs, their verification, and the right to be forgotten."""
