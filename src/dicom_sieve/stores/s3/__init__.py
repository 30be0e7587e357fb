"""An S3 bucket as a store: clients, pages of listings, errors in words, credentials, inventories."""
