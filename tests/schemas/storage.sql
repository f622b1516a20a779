-- How tables are stored: unlogged, options, access methods, statistics targets, storage and compression of columns.

CREATE UNLOGGED TABLE public.cache (key text PRIMARY KEY, value bytea, number serial);
INSERT INTO public.cache VALUES ('a', '\x00', DEFAULT), ('b', NULL, DEFAULT);
CREATE UNLOGGED TABLE public.cache_child (extra text) INHERITS (public.cache);
INSERT INTO public.cache_child VALUES ('c', '\xff', DEFAULT, 'x');
CREATE TABLE public.was_unlogged (id integer);
INSERT INTO public.was_unlogged VALUES (1);
ALTER TABLE public.was_unlogged SET UNLOGGED;
ALTER TABLE public.was_unlogged SET LOGGED;

CREATE TABLE public.options (
    id integer PRIMARY KEY WITH (fillfactor = 50),
    plain_text text,
    external_text text,
    main_text text,
    extended_integer numeric,
    compressed text COMPRESSION pglz,
    compressed_elsewhere text COMPRESSION pglz,
    counted text
) WITH (
    fillfactor = 70,
    autovacuum_enabled = false,
    autovacuum_vacuum_scale_factor = 0.05,
    parallel_workers = 2,
    toast_tuple_target = 256,
    toast.autovacuum_enabled = false,
    vacuum_truncate = off
);
ALTER TABLE public.options ALTER COLUMN plain_text SET STORAGE PLAIN;
ALTER TABLE public.options ALTER COLUMN external_text SET STORAGE EXTERNAL;
ALTER TABLE public.options ALTER COLUMN main_text SET STORAGE MAIN;
ALTER TABLE public.options ALTER COLUMN extended_integer SET STORAGE EXTERNAL;
ALTER TABLE public.options ALTER COLUMN compressed_elsewhere SET STORAGE EXTERNAL;
ALTER TABLE public.options ALTER COLUMN counted SET STATISTICS 1000;
ALTER TABLE public.options ALTER COLUMN external_text SET STATISTICS 0;
ALTER TABLE public.options ALTER COLUMN counted SET (n_distinct = -0.5, n_distinct_inherited = 100);
INSERT INTO public.options VALUES (1, 'p', repeat('external ', 2000), repeat('main ', 2000), 1.5, repeat('pglz ', 5000), repeat('pglz ', 5000), 'x');
INSERT INTO public.options VALUES (2, '', '', '', 'NaN', '', '', ''), (3, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

CREATE STATISTICS public.dependent (dependencies, ndistinct, mcv) ON id, counted FROM public.options;
CREATE STATISTICS public.expression ON (lower(counted)), (id % 10), main_text FROM public.options;
CREATE STATISTICS public.one_expression ON (id + 1) FROM public.options;
ALTER STATISTICS public.dependent SET STATISTICS 50;
ANALYZE public.options;

CREATE ACCESS METHOD another_heap TYPE TABLE HANDLER pg_catalog.heap_tableam_handler;
CREATE TABLE public.on_another_heap (id integer PRIMARY KEY, name text) USING another_heap;
INSERT INTO public.on_another_heap VALUES (1, 'one');
CREATE MATERIALIZED VIEW public.view_on_another_heap USING another_heap AS SELECT name FROM public.on_another_heap;
COMMENT ON ACCESS METHOD another_heap IS 'heap under another name';
