-- Views that select from each other: they can be dumped and restored, but neither read nor locked.

CREATE TABLE public.base (x integer);
INSERT INTO public.base VALUES (1), (2);
CREATE VIEW public.first_view AS SELECT x FROM public.base;
CREATE VIEW public.second_view AS SELECT x FROM public.first_view;
CREATE OR REPLACE VIEW public.first_view AS SELECT x FROM public.second_view;
CREATE VIEW public.reads_the_circle AS SELECT x FROM public.first_view;

-- These fail when they are read, for other reasons.
CREATE VIEW public.divides_by_zero AS SELECT 1 / (x - x) AS y FROM public.base;
CREATE FUNCTION public.fails() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'never call this'; END $$;
CREATE VIEW public.raises AS SELECT public.fails() AS y;
CREATE VIEW public.never_ends AS WITH RECURSIVE r (n) AS (SELECT 1 UNION ALL SELECT 1 FROM r) SELECT n FROM r;
