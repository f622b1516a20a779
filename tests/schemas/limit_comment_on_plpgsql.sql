-- A comment on plpgsql, which every new database has: pg_dump leaves out what initdb made.
-- limit: restored differently: the comment

COMMENT ON EXTENSION plpgsql IS 'our own words';
CREATE TABLE public.users (id integer PRIMARY KEY);
INSERT INTO public.users VALUES (1), (2);
