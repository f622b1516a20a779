"""What the recipe of a restore of a whole database is made of."""
