"""What the recipe of export is made of."""
