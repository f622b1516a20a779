-- Foreign keys in circles, to the own table, deferred, of several columns, across schemas, with every action.

CREATE SCHEMA hr;

CREATE TABLE hr.employees (
    id integer PRIMARY KEY,
    name text NOT NULL UNIQUE,
    manager_id integer REFERENCES hr.employees ON DELETE SET NULL,
    department_id integer NOT NULL
);
CREATE TABLE hr.departments (
    id integer PRIMARY KEY,
    head_id integer NOT NULL REFERENCES hr.employees ON UPDATE CASCADE DEFERRABLE INITIALLY DEFERRED
);
ALTER TABLE hr.employees ADD CONSTRAINT works_in FOREIGN KEY (department_id) REFERENCES hr.departments
    ON DELETE RESTRICT DEFERRABLE INITIALLY IMMEDIATE;
BEGIN;
SET CONSTRAINTS ALL DEFERRED;
INSERT INTO hr.employees VALUES (3, 'third', 2, 10), (2, 'second', 1, 10), (1, 'first', 3, 20), (4, 'own manager', 4, 20);
INSERT INTO hr.departments VALUES (10, 1), (20, 3);
COMMIT;

-- A circle of three.
CREATE TABLE public.a (id integer PRIMARY KEY, b_id integer);
CREATE TABLE public.b (id integer PRIMARY KEY, c_id integer);
CREATE TABLE public.c (id integer PRIMARY KEY, a_id integer REFERENCES public.a);
INSERT INTO public.a VALUES (1, 1), (2, NULL);
INSERT INTO public.b VALUES (1, 1);
INSERT INTO public.c VALUES (1, 1);
ALTER TABLE public.a ADD FOREIGN KEY (b_id) REFERENCES public.b;
ALTER TABLE public.b ADD FOREIGN KEY (c_id) REFERENCES public.c;

-- A tree whose children stand before their parents.
CREATE TABLE public.tree (path text PRIMARY KEY, parent text REFERENCES public.tree ON DELETE CASCADE);
INSERT INTO public.tree VALUES ('/a/b/c', '/a/b'), ('/a/b', '/a'), ('/a', '/'), ('/', NULL);

-- Several columns, MATCH FULL, SET NULL of some columns, a key that is not the primary one, two keys on one column.
CREATE TABLE public.places (
    country text,
    city text,
    code integer UNIQUE,
    PRIMARY KEY (country, city),
    UNIQUE (city, country) INCLUDE (code)
);
CREATE TABLE public.visits (
    id integer PRIMARY KEY,
    country text,
    city text,
    code integer CONSTRAINT first_key REFERENCES public.places (code) CONSTRAINT second_key REFERENCES public.places (code),
    CONSTRAINT full_match FOREIGN KEY (country, city) REFERENCES public.places MATCH FULL ON DELETE SET DEFAULT,
    CONSTRAINT set_one_null FOREIGN KEY (city, country) REFERENCES public.places (city, country) ON DELETE SET NULL (city)
);
INSERT INTO public.places VALUES ('NL', 'Delft', 1), ('NL', 'Gouda', NULL);
INSERT INTO public.visits VALUES (1, 'NL', 'Delft', 1), (2, NULL, NULL, NULL);

-- A key of one type that refers to a key of another.
CREATE TABLE public.wide_key (id bigint PRIMARY KEY);
CREATE TABLE public.narrow_key (id smallint REFERENCES public.wide_key);
INSERT INTO public.wide_key VALUES (1), (9223372036854775807);
INSERT INTO public.narrow_key VALUES (1), (1), (NULL);
