"""What the guard is made of: rules, the statements that break them, and damaged rows."""
