"""Pages for managers: a thin coat over the reading API, `dicom_sieve.reports` and Prefect's REST API."""
