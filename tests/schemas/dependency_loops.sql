-- Objects that need each other in circles, which a dump must break: tables, functions, types, checks, defaults.

-- A check and an index of a table by functions that take its row.
CREATE TABLE public.orders (id integer PRIMARY KEY, amount numeric);
CREATE FUNCTION public.is_valid(row_of public.orders) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN (row_of).amount > 0;
ALTER TABLE public.orders ADD CONSTRAINT valid CHECK (public.is_valid(orders));
CREATE FUNCTION public.rank_of(row_of public.orders) RETURNS integer LANGUAGE sql IMMUTABLE RETURN (row_of).id * 2;
CREATE INDEX orders_rank ON public.orders (public.rank_of(orders));
INSERT INTO public.orders VALUES (1, 10), (2, 0.5);

-- A default by a function that reads the table's own type.
CREATE TABLE public.lists (id integer);
CREATE FUNCTION public.no_list() RETURNS public.lists LANGUAGE sql IMMUTABLE AS 'SELECT NULL::public.lists';
ALTER TABLE public.lists ADD COLUMN fallback integer DEFAULT (public.no_list()).id;
INSERT INTO public.lists (id) VALUES (1);

-- A function with a default of a type whose domain's check calls that function's sibling.
CREATE FUNCTION public.is_code(value text) RETURNS boolean LANGUAGE sql IMMUTABLE RETURN value ~ '^[A-Z]+$';
CREATE DOMAIN public.code AS text CHECK (public.is_code(VALUE));
CREATE FUNCTION public.code_or(value public.code, fallback public.code DEFAULT 'NONE'::public.code) RETURNS public.code
LANGUAGE sql IMMUTABLE RETURN coalesce(value, fallback);
CREATE TABLE public.coded (code public.code DEFAULT public.code_or(NULL::public.code) PRIMARY KEY);
INSERT INTO public.coded VALUES (DEFAULT), ('ABC');

-- Functions that call one another; the bodies are text, so that only calling them shows it.
CREATE FUNCTION public.even(n integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN n = 0 OR public.odd(n - 1); END $$;
CREATE FUNCTION public.odd(n integer) RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RETURN n <> 0 AND public.even(n - 1); END $$;
CREATE TABLE public.evens (n integer CHECK (public.even(n)));
INSERT INTO public.evens VALUES (0), (10);

-- A view with a rule and a column default by a function that reads the view.
CREATE VIEW public.order_ids AS SELECT id FROM public.orders;
CREATE FUNCTION public.next_order() RETURNS integer LANGUAGE sql STABLE BEGIN ATOMIC SELECT max(id) + 1 FROM public.order_ids; END;
ALTER TABLE public.orders ALTER COLUMN id SET DEFAULT public.next_order();
CREATE RULE add_order AS ON INSERT TO public.order_ids DO INSTEAD INSERT INTO public.orders (amount) VALUES (1);

-- A view by the primary key, used by a policy and by a rule of its own table.
CREATE VIEW public.totals AS SELECT id, amount, count(*) AS n FROM public.orders GROUP BY id;
ALTER TABLE public.orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_view ON public.orders USING (EXISTS (SELECT 1 FROM public.totals AS t WHERE t.id = orders.id));
CREATE TABLE public.deleted (id integer, n bigint);
CREATE RULE keep_deleted AS ON DELETE TO public.orders DO ALSO INSERT INTO public.deleted SELECT t.id, t.n FROM public.totals AS t WHERE t.id = OLD.id;
INSERT INTO public.deleted VALUES (0, 0);

-- A sequence owned by a column whose default is another sequence, owned by the first table.
CREATE TABLE public.left_side (id integer PRIMARY KEY);
CREATE TABLE public.right_side (id integer PRIMARY KEY);
CREATE SEQUENCE public.left_numbers OWNED BY public.right_side.id;
CREATE SEQUENCE public.right_numbers OWNED BY public.left_side.id;
ALTER TABLE public.left_side ALTER COLUMN id SET DEFAULT nextval('public.left_numbers');
ALTER TABLE public.right_side ALTER COLUMN id SET DEFAULT nextval('public.right_numbers');
INSERT INTO public.left_side DEFAULT VALUES;
INSERT INTO public.right_side DEFAULT VALUES;
INSERT INTO public.right_side DEFAULT VALUES;
