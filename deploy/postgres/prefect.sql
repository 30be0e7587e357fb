-- Beside the ledger's database, which POSTGRES_DB names: that of Prefect's server.
CREATE DATABASE prefect;
