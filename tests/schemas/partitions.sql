-- Partitions by range, list, hash and expression, nested, in other schemas, attached with another column order.

CREATE SCHEMA parts;
CREATE TYPE public.region AS ENUM ('north', 'south', 'it''s');

-- Range, with nesting, a default partition, open bounds and an expression.
CREATE TABLE public.events (
    id bigint NOT NULL,
    happened_at timestamptz NOT NULL,
    kind text NOT NULL DEFAULT 'none',
    payload jsonb,
    PRIMARY KEY (id, happened_at, kind)
) PARTITION BY RANGE (happened_at);
CREATE TABLE public.events_old PARTITION OF public.events
    FOR VALUES FROM (MINVALUE) TO ('2024-01-01 00:00:00+00');
CREATE TABLE parts.events PARTITION OF public.events
    FOR VALUES FROM ('2024-01-01 00:00:00+00') TO ('2025-01-01 00:00:00+00')
    PARTITION BY LIST (kind);
CREATE TABLE parts.events_quoted PARTITION OF parts.events FOR VALUES IN ('it''s', E'line\nfeed', '\.', '');
CREATE TABLE parts."events ""default""" PARTITION OF parts.events DEFAULT PARTITION BY HASH (id);
CREATE TABLE parts.events_hash_0 PARTITION OF parts."events ""default""" FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE parts.events_hash_1 PARTITION OF parts."events ""default""" FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE parts.events_hash_2 PARTITION OF parts."events ""default""" FOR VALUES WITH (MODULUS 3, REMAINDER 2);

-- This one has its columns in another order, a column dropped, and its own default and check.
CREATE TABLE public.events_new (
    payload jsonb,
    gone integer,
    kind text NOT NULL DEFAULT 'own default',
    happened_at timestamptz NOT NULL,
    id bigint NOT NULL,
    CONSTRAINT only_here CHECK (id > 0)
);
ALTER TABLE public.events_new DROP COLUMN gone;
ALTER TABLE public.events ATTACH PARTITION public.events_new
    FOR VALUES FROM ('2025-01-01 00:00:00+00') TO (MAXVALUE);

INSERT INTO public.events
SELECT n, timestamptz '2023-12-30 00:00:00+00' + n * interval '20 hours',
       (ARRAY['it''s', E'line\nfeed', '\.', '', 'other', 'more'])[n % 6 + 1], jsonb_build_object('n', n)
FROM generate_series(1, 600) AS n;

-- Indexes: on the parent, on one partition alone, and attached by hand.
CREATE INDEX events_kind ON public.events (kind, happened_at DESC);
CREATE INDEX events_old_only ON public.events_old (lower(kind)) WHERE id > 10;
CREATE INDEX events_id ON ONLY public.events (id);
CREATE INDEX events_old_id ON public.events_old (id);
ALTER INDEX public.events_id ATTACH PARTITION public.events_old_id;

-- List, with NULL and an enum; a partition with rows of its own kind of key.
CREATE TABLE public.customers (
    id integer NOT NULL,
    area public.region,
    name text COLLATE "C",
    UNIQUE (id, area)
) PARTITION BY LIST (area);
CREATE TABLE public.customers_north PARTITION OF public.customers FOR VALUES IN ('north', NULL);
CREATE TABLE public.customers_rest PARTITION OF public.customers DEFAULT;
INSERT INTO public.customers VALUES (1, 'north', 'a'), (2, 'south', 'b'), (3, 'it''s', 'c'), (4, NULL, 'd');

-- Keys from and to partitioned tables, and from one partition alone.
CREATE TABLE public.event_notes (
    note text,
    event_id bigint,
    event_at timestamptz,
    event_kind text,
    FOREIGN KEY (event_id, event_at, event_kind) REFERENCES public.events ON DELETE CASCADE
) PARTITION BY RANGE (event_id);
CREATE TABLE public.event_notes_low PARTITION OF public.event_notes FOR VALUES FROM (0) TO (100);
CREATE TABLE public.event_notes_rest PARTITION OF public.event_notes DEFAULT;
INSERT INTO public.event_notes SELECT 'note ' || id, id, happened_at, kind FROM public.events WHERE id % 50 = 0;
INSERT INTO public.event_notes VALUES ('without an event', NULL, NULL, NULL);
CREATE TABLE public.authors (id integer PRIMARY KEY);
INSERT INTO public.authors VALUES (1);
ALTER TABLE public.customers_north ADD FOREIGN KEY (id) REFERENCES public.authors NOT VALID;

-- By expression and by two columns, with a collation, bounds of several columns, and no rows in one.
CREATE TABLE public.measurements (
    device text COLLATE "C" NOT NULL,
    day date NOT NULL,
    value double precision,
    half double precision GENERATED ALWAYS AS (value / 2) STORED
) PARTITION BY RANGE (lower(device) COLLATE "C", EXTRACT(year FROM day));
CREATE TABLE public.measurements_a PARTITION OF public.measurements
    FOR VALUES FROM (MINVALUE, MINVALUE) TO ('m', 2024);
CREATE TABLE public.measurements_b PARTITION OF public.measurements
    FOR VALUES FROM ('m', 2024) TO ('z', MAXVALUE);
CREATE TABLE public.measurements_empty PARTITION OF public.measurements
    FOR VALUES FROM ('z', MAXVALUE) TO (MAXVALUE, MAXVALUE);
INSERT INTO public.measurements VALUES ('A1', '2024-02-29', 1.5), ('m', '2023-12-31', 'NaN'), ('M', '2024-01-01', -0.0);

-- Partitioned, and without a partition; a partition that was detached; one that is unlogged.
CREATE TABLE public.no_partitions (id integer) PARTITION BY HASH (id);
CREATE TABLE public.counters (id integer PRIMARY KEY, n integer) PARTITION BY RANGE (id);
CREATE TABLE public.counters_1 PARTITION OF public.counters FOR VALUES FROM (0) TO (10);
CREATE TABLE public.counters_2 PARTITION OF public.counters FOR VALUES FROM (10) TO (20);
CREATE UNLOGGED TABLE public.counters_3 PARTITION OF public.counters FOR VALUES FROM (20) TO (30);
INSERT INTO public.counters SELECT n, n * n FROM generate_series(0, 29) AS n;
ALTER TABLE public.counters DETACH PARTITION public.counters_2;
CREATE TABLE public.counters_4 (id integer NOT NULL, n integer, CHECK (id >= 30 AND id < 40));
INSERT INTO public.counters_4 VALUES (30, 900);
ALTER TABLE public.counters ATTACH PARTITION public.counters_4 FOR VALUES FROM (30) TO (40);

-- A row trigger is cloned to every partition; one clone is off.
CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER on_counters AFTER INSERT ON public.counters FOR EACH ROW EXECUTE FUNCTION public.keep();
ALTER TABLE public.counters_1 DISABLE TRIGGER on_counters;
ALTER TABLE public.counters_3 SET (fillfactor = 70);
COMMENT ON TABLE public.counters IS 'the partitioned table';
COMMENT ON TABLE public.counters_1 IS 'a partition';

-- An index on the parent alone stays invalid until every partition has one.
CREATE INDEX counters_not_everywhere ON ONLY public.counters (n);
