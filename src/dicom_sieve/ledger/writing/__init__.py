"""What runs and computations record."""
