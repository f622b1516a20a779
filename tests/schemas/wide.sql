-- Long lines and wide tables: fields of several megabytes, 1,000 columns, a long definition.

CREATE TABLE public.long_fields (id integer PRIMARY KEY, value text, bytes bytea);
INSERT INTO public.long_fields
SELECT 1, string_agg(md5(n::text), '' ORDER BY n), NULL FROM generate_series(1, 32768) AS n;
INSERT INTO public.long_fields SELECT 2, NULL, decode(repeat('005c0aff', 500000), 'hex');
-- Every byte is escaped: the line is twice as long as the value.
INSERT INTO public.long_fields VALUES (3, repeat(E'\\\n\t', 400000), ''), (4, 'a short one after them', '\x00'), (5, repeat(E'\\.\n', 100000), NULL);
-- Lines that end around the boundaries of 4 KB, 64 KB and 1 MB pieces.
INSERT INTO public.long_fields SELECT 100 + n, repeat('x', 4096 - 12 + n), NULL FROM generate_series(0, 15) AS n;
INSERT INTO public.long_fields SELECT 200 + n, repeat('y', 65536 - 12 + n), NULL FROM generate_series(0, 15) AS n;
INSERT INTO public.long_fields SELECT 300 + n, repeat('😀', 262144) || repeat('z', n), NULL FROM generate_series(0, 3) AS n;

DO $do$
BEGIN
    EXECUTE 'CREATE TABLE public.thousand_columns (' || (SELECT string_agg(format('%I smallint', 'Column ' || n), ', ' ORDER BY n) FROM generate_series(1, 1000) AS n) || ')';
    EXECUTE 'INSERT INTO public.thousand_columns VALUES (' || (SELECT string_agg(n::text, ', ' ORDER BY n) FROM generate_series(1, 1000) AS n) || ')';
    EXECUTE 'INSERT INTO public.thousand_columns SELECT';
    EXECUTE 'CREATE TABLE public.two_hundred_texts (' || (SELECT string_agg(format('%I text DEFAULT %L', 'c' || n, repeat('d', n)), ', ' ORDER BY n) FROM generate_series(1, 200) AS n) || ')';
    EXECUTE 'INSERT INTO public.two_hundred_texts DEFAULT VALUES';
    -- One statement of more than 1 MB, with semicolons and line feeds in its literal.
    EXECUTE format('CREATE VIEW public.long_view AS SELECT %L::text AS value', repeat(E'it''s; \n\\.\n', 100000));
    EXECUTE format('CREATE FUNCTION public.long_body() RETURNS text LANGUAGE plpgsql AS %L', E'BEGIN\n' || repeat(E'    -- $$ ; \\.\n', 80000) || E'    RETURN 1;\nEND\n');
    EXECUTE 'CREATE TYPE public.thousand_labels AS ENUM (' || (SELECT string_agg(quote_literal('label ' || n), ', ' ORDER BY n) FROM generate_series(1, 1000) AS n) || ')';
END
$do$;
CREATE TABLE public.labelled (label public.thousand_labels);
INSERT INTO public.labelled SELECT unnest(enum_range('label 990'::public.thousand_labels, NULL));
