"""The database that a ledger lies in: how it is opened, its tables, many rows at once, outages."""
