"""What the recipe of a restore of tables is made of."""
