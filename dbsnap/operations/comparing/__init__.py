"""What backup, restore, verify and drill share: reading a database as a backup is compared with it."""
