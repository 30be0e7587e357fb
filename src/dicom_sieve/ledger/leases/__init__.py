"""Who may write to a location, and how long."""
