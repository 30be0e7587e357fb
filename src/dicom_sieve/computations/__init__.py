"""What is done with series that passed, and how it is logged."""
