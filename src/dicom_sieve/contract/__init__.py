"""What a request is: JSON as the contract names it, to stores and criteria, or to all that is wrong with it."""
