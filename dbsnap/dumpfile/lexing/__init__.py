"""Bytes into statements and tokens: what the lexer is made of."""
