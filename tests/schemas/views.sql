-- Views on views, recursive, updatable with options, with odd columns, and one that needs a primary key.

CREATE SCHEMA reports;

CREATE TABLE public.orders (
    id integer PRIMARY KEY,
    customer text NOT NULL,
    amount numeric(10, 2) NOT NULL,
    placed_on date NOT NULL DEFAULT '2024-01-01',
    parent_id integer REFERENCES public.orders
);
INSERT INTO public.orders VALUES
    (1, 'Ada', 10.50, '2024-01-01', NULL), (2, 'Ada', 0.10, '2024-02-29', 1), (3, 'Bob', 99999999.99, '2024-03-01', 2);

-- GROUP BY the primary key alone makes the view depend on the key, which a dump adds after the data.
CREATE VIEW public.by_primary_key AS
SELECT id, customer, amount, count(*) AS n FROM public.orders GROUP BY id;
CREATE VIEW public.on_by_primary_key AS SELECT customer, sum(n) AS n FROM public.by_primary_key GROUP BY customer;
CREATE FUNCTION public.reads_by_primary_key() RETURNS SETOF public.by_primary_key
LANGUAGE sql STABLE
BEGIN ATOMIC
    SELECT * FROM public.by_primary_key;
END;
CREATE VIEW public.on_function AS SELECT * FROM public.reads_by_primary_key();

-- A chain whose names sort against their order.
CREATE VIEW reports.z AS SELECT id, amount FROM public.orders;
CREATE VIEW public.y AS SELECT id, amount * 2 AS twice FROM reports.z;
CREATE VIEW reports.a AS SELECT y.id, y.twice, z.amount FROM public.y JOIN reports.z USING (id);
CREATE VIEW public.orders_view (renamed, "Quoted Column") AS SELECT id, customer FROM public.orders;

CREATE VIEW public.large WITH (security_barrier) AS SELECT * FROM public.orders WHERE amount > 1;
CREATE VIEW public.large_local WITH (security_invoker = true) AS SELECT * FROM public.large WHERE customer <> 'Bob'
    WITH LOCAL CHECK OPTION;
CREATE VIEW public.large_cascaded AS SELECT * FROM public.large_local WHERE id < 100 WITH CASCADED CHECK OPTION;
ALTER VIEW public.large_cascaded ALTER COLUMN amount SET DEFAULT 5.00;
ALTER VIEW public.large_cascaded ALTER COLUMN customer SET DEFAULT E'it''s\n\\.';

CREATE RECURSIVE VIEW public.chain (id, path) AS
    SELECT id, id::text FROM public.orders WHERE parent_id IS NULL
    UNION ALL
    SELECT orders.id, chain.path || '/' || orders.id FROM public.orders JOIN chain ON orders.parent_id = chain.id;

-- No column, unnamed columns, columns called like keywords, whole rows, system columns.
CREATE VIEW public.no_columns AS SELECT FROM public.orders;
CREATE VIEW public.unnamed AS SELECT 1, 'text' AS "select", NULL::text AS "NULL", orders AS whole_row FROM public.orders;
CREATE VIEW public.system_columns AS SELECT tableoid::regclass AS source, ctid, id FROM public.orders;
CREATE VIEW public.from_catalog AS SELECT relname, relkind FROM pg_catalog.pg_class WHERE relname = 'pg_class';
CREATE VIEW public.constants AS SELECT 1 AS n, E'back\\slash' AS t UNION ALL SELECT 2, E'line\nfeed \\restrict x' UNION ALL SELECT 3, '$$';

-- The way a view is worded: joins with USING, windows, sets, lateral, modifiers, explicit operators.
CREATE VIEW public.wording AS
WITH recent AS MATERIALIZED (SELECT * FROM public.orders WHERE placed_on > date '2024-01-01'),
     totals (customer, total) AS NOT MATERIALIZED (SELECT customer, sum(amount) FROM public.orders GROUP BY customer)
SELECT o.id,
       o.customer COLLATE "C" AS customer,
       totals.total,
       row_number() OVER w AS row_number,
       sum(o.amount) FILTER (WHERE o.id OPERATOR(pg_catalog.>) 1) OVER (w ROWS BETWEEN 1 PRECEDING AND CURRENT ROW EXCLUDE TIES) AS running,
       CASE WHEN o.id IN (1, 2) THEN 'low' WHEN o.amount IS DISTINCT FROM 1 THEN 'it''s' END AS class,
       (SELECT max(id) FROM recent) AS newest,
       l.label,
       o.placed_on::timestamp AT TIME ZONE 'UTC' AS placed_at,
       EXTRACT(year FROM o.placed_on) AS year,
       o.id = ANY (ARRAY[1, 2]) AS listed,
       ROW (o.id, o.customer) = ROW (1, 'Ada') AS same_pair
FROM public.orders AS o
LEFT JOIN totals USING (customer)
CROSS JOIN LATERAL (SELECT 'order ' || o.id AS label) AS l
WINDOW w AS (PARTITION BY o.customer ORDER BY o.id DESC NULLS LAST)
ORDER BY o.id
LIMIT 10 OFFSET 0;
CREATE VIEW public.grouping_sets AS
SELECT customer, placed_on, GROUPING(customer) AS g, count(DISTINCT id) AS n
FROM public.orders GROUP BY GROUPING SETS ((customer), ROLLUP (placed_on), ()) HAVING count(*) > 0;
CREATE VIEW public.set_operations AS
(SELECT id FROM public.orders EXCEPT SELECT 1) UNION ALL (SELECT 2 INTERSECT ALL SELECT 2) ORDER BY 1 FETCH FIRST 3 ROWS WITH TIES;
CREATE VIEW public.functions_in_from AS
SELECT * FROM ROWS FROM (generate_series(1, 2), unnest(ARRAY['a', 'b', 'c'])) WITH ORDINALITY AS f (n, t, place);
CREATE VIEW public.sampled AS SELECT id FROM public.orders TABLESAMPLE bernoulli (100) REPEATABLE (1);

-- Columns renamed and added below a view; SELECT * keeps what it was.
CREATE VIEW public.joined AS SELECT * FROM public.orders JOIN public.orders_view ON renamed = id;
ALTER TABLE public.orders RENAME COLUMN customer TO buyer;
ALTER TABLE public.orders ADD COLUMN added_later text DEFAULT 'x';

-- A view that writes through a trigger.
CREATE FUNCTION public.write_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.orders (id, buyer, amount) VALUES (NEW.renamed, NEW."Quoted Column", 0);
    RETURN NEW;
END
$$;
CREATE TRIGGER write_order INSTEAD OF INSERT ON public.orders_view FOR EACH ROW EXECUTE FUNCTION public.write_order();
INSERT INTO public.orders_view VALUES (4, 'through the view');

COMMENT ON VIEW public.orders_view IS 'a view';
COMMENT ON COLUMN public.orders_view."Quoted Column" IS 'a view''s column';
