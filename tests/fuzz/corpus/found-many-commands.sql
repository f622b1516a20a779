SELECT 1þ\echo a command among many others in the same statement
þ;