"""A PACS as a store: its DICOMweb services list instances, tell their headers as metadata, and give them whole."""
