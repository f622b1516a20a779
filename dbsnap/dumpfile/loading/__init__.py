"""How a dump can be loaded by several sessions: pure decisions about its statements and rows."""
