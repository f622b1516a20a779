-- A check that held when its rows were written and holds no more, although the server calls it valid: no restore.
-- limit: restore fails

CREATE FUNCTION public.highest() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 100';
CREATE TABLE public.scores (id integer PRIMARY KEY, score integer CHECK (score <= public.highest()));
INSERT INTO public.scores VALUES (1, 100), (2, 50);
CREATE OR REPLACE FUNCTION public.highest() RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT 60';
