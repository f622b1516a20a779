SET search_path = app, pg_catalog;
CREATE TABLE t (a integer NOT NULL);
CREATE TABLE v (a integer);
COPY t (a) FROM stdin;
1
\.
SELECT pg_catalog.setval('s', 3, true);
CREATE RULE "_RETURN" AS
    ON SELECT TO v DO INSTEAD  SELECT 1;
CREATE SEQUENCE s;
