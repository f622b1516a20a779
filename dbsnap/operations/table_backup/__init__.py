"""What the recipe of `backup -t` is made of."""
