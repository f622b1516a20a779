-- Inheritance: several parents, overridden defaults, local and inherited checks, rows at every level.

CREATE TABLE public.named (
    id integer NOT NULL,
    name text DEFAULT 'from named',
    CONSTRAINT name_not_empty CHECK (name <> ''),
    CONSTRAINT not_for_children CHECK (id < 1000) NO INHERIT
);
CREATE TABLE public.dated (
    id integer NOT NULL,
    made_on date DEFAULT '2024-01-01',
    CONSTRAINT date_known CHECK (made_on > '1900-01-01')
);
CREATE TABLE public.child (
    extra text,
    CONSTRAINT child_only CHECK (extra IS NULL OR extra <> 'no')
) INHERITS (public.named, public.dated);
ALTER TABLE public.child ALTER COLUMN name SET DEFAULT 'from child';
ALTER TABLE public.child ALTER COLUMN made_on SET DEFAULT '1999-12-31';
-- Both local and inherited.
CREATE TABLE public.merged (
    id integer DEFAULT 5,
    name text NOT NULL,
    CONSTRAINT name_not_empty CHECK (name <> '')
) INHERITS (public.named);
CREATE TABLE public.grandchild () INHERITS (public.child);
CREATE TABLE public.grandchild_twice (name text DEFAULT E'line\nfeed') INHERITS (public.grandchild, public.merged);

INSERT INTO public.named VALUES (1, 'parent');
INSERT INTO public.dated VALUES (2, '2020-02-29');
INSERT INTO public.child (id, extra) VALUES (3, 'child'), (3000, NULL);
INSERT INTO public.merged (name) VALUES ('merged');
INSERT INTO public.grandchild (id, made_on) VALUES (4, '2021-01-01');
INSERT INTO public.grandchild_twice (id, name, made_on) VALUES (6, 'twice', '2022-01-01');

-- Columns dropped above and below.
ALTER TABLE public.dated ADD COLUMN dropped_later text;
ALTER TABLE public.dated DROP COLUMN dropped_later;
ALTER TABLE public.child DROP COLUMN extra;
ALTER TABLE public.child ADD COLUMN extra_again boolean;
INSERT INTO public.child (id, made_on, extra_again) VALUES (8, '2023-01-01', true);

-- Keys and indexes are not inherited; each level has its own.
ALTER TABLE public.named ADD PRIMARY KEY (id);
ALTER TABLE public.child ADD PRIMARY KEY (id);
CREATE INDEX merged_name ON public.merged (name);
CREATE TABLE public.refers (id integer REFERENCES public.named, other integer REFERENCES public.child);
INSERT INTO public.refers VALUES (1, 3), (NULL, 3000);

-- A check added at the top, not validated; a parent that a child has left.
ALTER TABLE public.named ADD CONSTRAINT name_short CHECK (length(name) < 3) NOT VALID;
CREATE TABLE public.left_home (own integer) INHERITS (public.dated);
INSERT INTO public.left_home VALUES (9, '2024-05-05', 1);
ALTER TABLE public.left_home NO INHERIT public.dated;

CREATE TABLE public.without_default () INHERITS (public.dated);
ALTER TABLE public.without_default ALTER COLUMN made_on DROP DEFAULT;
INSERT INTO public.without_default VALUES (11);

CREATE SCHEMA elsewhere;
CREATE TABLE elsewhere.child (own text) INHERITS (public.dated);
INSERT INTO elsewhere.child VALUES (10, '2024-06-06', 'in another schema');
