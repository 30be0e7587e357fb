"""Prefect's coat around the screening. The only home of Prefect."""
