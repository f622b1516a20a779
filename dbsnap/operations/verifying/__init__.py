"""What the recipe of verify is made of."""
