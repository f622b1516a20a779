-- Deferred, NOT VALID, excluding and expression constraints, with rows that violate what is not validated.

CREATE TABLE public.positions (
    list_id integer NOT NULL,
    position integer NOT NULL,
    CONSTRAINT one_place_each UNIQUE (list_id, position) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT key PRIMARY KEY (position, list_id) DEFERRABLE INITIALLY IMMEDIATE
);
INSERT INTO public.positions SELECT list, n FROM generate_series(1, 2) AS list, generate_series(1, 5) AS n;

CREATE TABLE public.measured (
    id integer PRIMARY KEY,
    amount numeric,
    unit text,
    CONSTRAINT positive CHECK (amount > 0),
    CONSTRAINT several_columns CHECK ((amount IS NULL) = (unit IS NULL)),
    CONSTRAINT always_true CHECK (true),
    CONSTRAINT no_inherit CHECK (id > 0) NO INHERIT,
    CONSTRAINT text_of_a_dump CHECK (unit <> E'\n\\.\n-- PostgreSQL database dump complete\n')
);
INSERT INTO public.measured VALUES (1, 1.50, 'kg'), (2, NULL, NULL);

-- Rows that were there first.
CREATE TABLE public.violated (id integer PRIMARY KEY, amount integer, measured_id integer);
INSERT INTO public.violated VALUES (1, -1, 999), (2, 5, 1), (3, NULL, NULL);
ALTER TABLE public.violated ADD CONSTRAINT amount_positive CHECK (amount > 0) NOT VALID;
ALTER TABLE public.violated ADD CONSTRAINT measured_exists FOREIGN KEY (measured_id) REFERENCES public.measured NOT VALID;
ALTER TABLE public.violated ADD CONSTRAINT validated_later CHECK (id < 100) NOT VALID;
ALTER TABLE public.violated VALIDATE CONSTRAINT validated_later;

CREATE DOMAIN public.even AS integer;
CREATE TABLE public.evens (value public.even);
INSERT INTO public.evens VALUES (1), (2), (NULL);
ALTER DOMAIN public.even ADD CONSTRAINT is_even CHECK (VALUE % 2 = 0) NOT VALID;
ALTER DOMAIN public.even ADD CONSTRAINT not_zero CHECK (VALUE <> 0);

CREATE TABLE public.bookings (
    id integer GENERATED ALWAYS AS IDENTITY,
    during tstzrange NOT NULL,
    area box,
    place circle,
    room integer,
    EXCLUDE USING gist (during WITH &&),
    CONSTRAINT no_overlap EXCLUDE USING gist (place WITH &&, (box(place)) WITH &&) WHERE (room IS NOT NULL)
        DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT same_room EXCLUDE USING btree (room WITH =) INCLUDE (during) WITH (fillfactor = 80)
);
INSERT INTO public.bookings (during, area, place, room) VALUES
    ('[2024-01-01 00:00+00,2024-01-02 00:00+00)', '(1,1),(0,0)', '<(0,0),1>', 1),
    ('[2024-01-02 00:00+00,2024-01-03 00:00+00)', NULL, '<(5,5),1>', 2),
    ('empty', NULL, '<(0,0),1>', NULL);

CREATE TABLE public.null_once (code text, CONSTRAINT one_null UNIQUE NULLS NOT DISTINCT (code));
INSERT INTO public.null_once VALUES (NULL), (''), ('NULL');

CREATE TABLE public.many_nulls (code text UNIQUE);
INSERT INTO public.many_nulls VALUES (NULL), (NULL), ('x');

-- Constraints with the names of their column and of another table's constraints.
CREATE TABLE public.same_name (positive integer CONSTRAINT positive CHECK (positive > 0) CONSTRAINT several_columns CHECK (positive < 10));
INSERT INTO public.same_name VALUES (1);
CREATE UNIQUE INDEX made_first ON public.same_name (positive);
ALTER TABLE public.same_name ADD CONSTRAINT key_from_index UNIQUE USING INDEX made_first;
