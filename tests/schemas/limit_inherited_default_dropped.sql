-- A child dropped a default that it inherited: since 16 pg_dump lets the grandchild have it back.
-- limit: restored differently: the default of grandchild.made_on, since PostgreSQL 16

CREATE TABLE public.parent (id integer, made_on date DEFAULT '2024-01-01');
CREATE TABLE public.child () INHERITS (public.parent);
ALTER TABLE public.child ALTER COLUMN made_on DROP DEFAULT;
CREATE TABLE public.grandchild () INHERITS (public.child);
INSERT INTO public.parent (id) VALUES (1);
INSERT INTO public.child (id) VALUES (2);
INSERT INTO public.grandchild (id) VALUES (3);
