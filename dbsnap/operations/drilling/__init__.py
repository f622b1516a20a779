"""What a drill is made of."""
