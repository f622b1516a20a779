-- Materialised views: with indexes, on each other, never populated, and one that needs a primary key.

CREATE TABLE public.sales (id integer PRIMARY KEY, product text, amount numeric);
INSERT INTO public.sales SELECT n, 'product ' || n % 4, n * 1.10 FROM generate_series(1, 40) AS n;

CREATE MATERIALIZED VIEW public.z_totals AS
SELECT product, sum(amount) AS total FROM public.sales GROUP BY product ORDER BY product;
CREATE UNIQUE INDEX z_totals_product ON public.z_totals (product);
CREATE INDEX z_totals_total ON public.z_totals (total DESC) WHERE total > 10;

-- Its name sorts before the one that it reads.
CREATE MATERIALIZED VIEW public.a_best WITH (fillfactor = 70, autovacuum_enabled = off) AS
SELECT product, total FROM public.z_totals ORDER BY total DESC LIMIT 1;

CREATE VIEW public.between AS SELECT * FROM public.a_best;
CREATE MATERIALIZED VIEW public."On a view" AS SELECT product AS "Product" FROM public.between;
CREATE INDEX ON public."On a view" ("Product" text_pattern_ops);

CREATE MATERIALIZED VIEW public.never_populated AS SELECT id FROM public.sales WITH NO DATA;
CREATE UNIQUE INDEX never_populated_id ON public.never_populated (id);
CREATE MATERIALIZED VIEW public.no_rows AS SELECT id FROM public.sales WHERE false;

-- It depends on the primary key, which a dump adds after the data.
CREATE MATERIALIZED VIEW public.by_primary_key AS SELECT id, product, count(*) AS n FROM public.sales GROUP BY id;

CREATE MATERIALIZED VIEW public.unchanging AS SELECT 1 AS one, E'it''s \\.\n' AS text;

ALTER MATERIALIZED VIEW public.z_totals ALTER COLUMN total SET STATISTICS 200;
ALTER MATERIALIZED VIEW public.z_totals CLUSTER ON z_totals_product;
COMMENT ON MATERIALIZED VIEW public.z_totals IS 'materialised';
COMMENT ON COLUMN public.z_totals.total IS 'a column';
