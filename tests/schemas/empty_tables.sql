-- Tables without rows, without columns, with rows but no column, and with columns that were dropped.

CREATE SCHEMA nothing_in_it;

CREATE TABLE public.no_rows (id integer PRIMARY KEY, name text);
CREATE TABLE public.no_rows_any_more (id serial PRIMARY KEY);
INSERT INTO public.no_rows_any_more SELECT FROM generate_series(1, 10);
DELETE FROM public.no_rows_any_more;

CREATE TABLE public.no_columns ();
CREATE TABLE public.no_columns_three_rows ();
INSERT INTO public.no_columns_three_rows DEFAULT VALUES;
INSERT INTO public.no_columns_three_rows DEFAULT VALUES;
INSERT INTO public.no_columns_three_rows DEFAULT VALUES;
CREATE TABLE public.no_columns_child () INHERITS (public.no_columns);
INSERT INTO public.no_columns_child DEFAULT VALUES;
CREATE TABLE public.no_columns_but_a_check (CHECK (true));
INSERT INTO public.no_columns_but_a_check DEFAULT VALUES;

CREATE TABLE public.all_columns_dropped (a integer PRIMARY KEY, b text);
INSERT INTO public.all_columns_dropped VALUES (1, 'x'), (2, 'y');
ALTER TABLE public.all_columns_dropped DROP COLUMN a, DROP COLUMN b;

-- What the catalogue numbers 1 to 5 is three columns.
CREATE TABLE public.some_columns_dropped (dropped_first integer, kept text, dropped_second text, also_kept integer DEFAULT 5, last date);
INSERT INTO public.some_columns_dropped VALUES (1, 'a', 'b', 2, '2024-01-01');
ALTER TABLE public.some_columns_dropped DROP COLUMN dropped_first, DROP COLUMN dropped_second;
ALTER TABLE public.some_columns_dropped ADD COLUMN dropped_first text DEFAULT 'added again';
INSERT INTO public.some_columns_dropped VALUES ('c', NULL, NULL, NULL);

-- One column and only NULL, only empty text, only \N as text, only \. as text.
CREATE TABLE public.one_null (value text);
INSERT INTO public.one_null VALUES (NULL);
CREATE TABLE public.one_empty_text (value text);
INSERT INTO public.one_empty_text VALUES ('');
CREATE TABLE public.one_null_text (value text);
INSERT INTO public.one_null_text VALUES ('\N');
CREATE TABLE public.one_end_of_copy (value text);
INSERT INTO public.one_end_of_copy VALUES ('\.'), ('.'), ('\\.'), (' \.'), ('\. ');
