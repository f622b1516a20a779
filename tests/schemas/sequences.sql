-- Sequences at their ends, never used, cycled, downwards, unlogged, owned across names, and shared.

CREATE SCHEMA numbers;

CREATE SEQUENCE numbers.never_used;
CREATE SEQUENCE numbers.never_used_from_5 START 5;
CREATE SEQUENCE numbers.used_once;
SELECT nextval('numbers.used_once');
CREATE SEQUENCE numbers.set_not_called;
SELECT setval('numbers.set_not_called', 42, false);
CREATE SEQUENCE numbers.set_called;
SELECT setval('numbers.set_called', 42, true);
CREATE SEQUENCE numbers.at_the_end MAXVALUE 3 NO CYCLE;
SELECT nextval('numbers.at_the_end') FROM generate_series(1, 3);
CREATE SEQUENCE numbers.cycled MINVALUE 1 MAXVALUE 3 CYCLE;
SELECT nextval('numbers.cycled') FROM generate_series(1, 5);
CREATE SEQUENCE numbers.downwards INCREMENT -5 START 0 MAXVALUE 0 MINVALUE -100;
SELECT nextval('numbers.downwards') FROM generate_series(1, 3);
CREATE SEQUENCE numbers.smallest AS smallint MINVALUE -32768 MAXVALUE 32767 START -32768;
CREATE SEQUENCE numbers.biggest AS bigint MINVALUE -9223372036854775808 MAXVALUE 9223372036854775807
    START 9223372036854775807;
SELECT nextval('numbers.biggest');
CREATE SEQUENCE numbers.integer_with_cache AS integer CACHE 100;
SELECT nextval('numbers.integer_with_cache');
CREATE UNLOGGED SEQUENCE numbers.unlogged;
SELECT nextval('numbers.unlogged');
CREATE SEQUENCE numbers.with_gap INCREMENT 1000000007;
SELECT nextval('numbers.with_gap') FROM generate_series(1, 2);

-- One sequence feeds two tables in other schemas; one is owned by a column that does not use it.
CREATE SEQUENCE numbers.shared START 100;
CREATE TABLE public.first_user (id bigint DEFAULT nextval('numbers.shared') PRIMARY KEY, name text);
CREATE TABLE public.second_user (id bigint DEFAULT nextval('numbers.shared'::regclass) PRIMARY KEY, name text);
INSERT INTO public.first_user (name) VALUES ('100'), ('101');
INSERT INTO public.second_user (name) VALUES ('102');

CREATE TABLE public.owner_of_a_foreign_sequence (id integer PRIMARY KEY, other integer);
CREATE SEQUENCE public.owned_but_not_used OWNED BY public.owner_of_a_foreign_sequence.other;
INSERT INTO public.owner_of_a_foreign_sequence VALUES (1, 1);

-- A default that names its sequence as text does not depend on it.
CREATE TABLE public.late_bound (id integer DEFAULT nextval('numbers.late'::text) PRIMARY KEY);
CREATE SEQUENCE numbers.late START 9;
INSERT INTO public.late_bound DEFAULT VALUES;

CREATE TABLE public.serials (small smallserial, normal serial, big bigserial);
INSERT INTO public.serials DEFAULT VALUES;
INSERT INTO public.serials DEFAULT VALUES;
ALTER SEQUENCE public.serials_normal_seq RENAME TO "serials normal";
ALTER TABLE public.serials RENAME COLUMN big TO bigger;

-- Owned by a table with a name of its own, and behind the highest key.
CREATE TABLE public.behind (id serial PRIMARY KEY);
INSERT INTO public.behind VALUES (1), (2), (1000);
