-- Materialised views that a restore fills differently: one out of date, one random, one on an unpopulated one.
-- limit: restored differently: the content of all three, and on_emptied is not populated

CREATE TABLE public.sales (id integer PRIMARY KEY);
INSERT INTO public.sales VALUES (1), (2);
CREATE MATERIALIZED VIEW public.out_of_date AS SELECT count(*) AS n FROM public.sales;
INSERT INTO public.sales VALUES (3);

CREATE MATERIALIZED VIEW public.random_value AS SELECT random() AS value;

-- pg_dump does not populate what reads an unpopulated view, although this one has its row.
CREATE MATERIALIZED VIEW public.emptied AS SELECT count(*) AS n FROM public.sales;
CREATE MATERIALIZED VIEW public.on_emptied AS SELECT n FROM public.emptied;
REFRESH MATERIALIZED VIEW public.emptied WITH NO DATA;
