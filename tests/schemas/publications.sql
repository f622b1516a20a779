-- Publications: of all tables, of schemas, with row filters, column lists and options.

CREATE SCHEMA published;
CREATE TABLE published.users (id integer PRIMARY KEY, email text, secret text);
CREATE TABLE published.logs (id integer PRIMARY KEY, at timestamptz) PARTITION BY RANGE (id);
CREATE TABLE published.logs_1 PARTITION OF published.logs FOR VALUES FROM (0) TO (10);
CREATE TABLE public.others (id integer, note text);
INSERT INTO published.users VALUES (1, 'a@example.com', 'x'), (2, 'it''s', NULL);
INSERT INTO published.logs VALUES (1, '2024-01-01 00:00:00+00');
INSERT INTO public.others VALUES (1, 'one');

CREATE PUBLICATION everything FOR ALL TABLES WITH (publish = 'insert, truncate');
CREATE PUBLICATION nothing;
CREATE PUBLICATION whole_schemas FOR TABLES IN SCHEMA published, public WITH (publish_via_partition_root = true);
CREATE PUBLICATION some_rows FOR TABLE published.users (id, email) WHERE (id > 0 AND id <> 5), ONLY public.others WITH (publish = 'insert');
CREATE PUBLICATION "Mixed ""names""" FOR TABLE published.logs, TABLES IN SCHEMA public;
COMMENT ON PUBLICATION everything IS 'all of it';
