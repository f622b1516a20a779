-- A database whose schema public was dropped: a dump does not say so, and a new database has one.
-- limit: restored differently: there is a schema public

DROP SCHEMA public;
CREATE SCHEMA app;
CREATE TABLE app.users (id integer PRIMARY KEY);
INSERT INTO app.users VALUES (1), (2);
