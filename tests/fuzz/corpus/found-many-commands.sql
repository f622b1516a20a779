SELECT 1þ\a
þ;