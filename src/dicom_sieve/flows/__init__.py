"""The screening as Prefect flows. Only this package imports Prefect."""
