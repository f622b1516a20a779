-- Foreign tables whose server cannot be reached: they can be dumped, but neither read, counted nor locked.

CREATE FOREIGN DATA WRAPPER nowhere OPTIONS (debug 'true', "odd option" 'it''s');
CREATE SERVER unreachable TYPE 'none' VERSION '1.0' FOREIGN DATA WRAPPER nowhere OPTIONS (host 'host.invalid', port '1');
CREATE USER MAPPING FOR PUBLIC SERVER unreachable OPTIONS (user 'nobody', password 'a secret that a dump shows');

CREATE TABLE public.local (id integer PRIMARY KEY, name text);
INSERT INTO public.local VALUES (1, 'one');
CREATE FOREIGN TABLE public.remote (
    id integer OPTIONS (column_name 'ID') NOT NULL,
    name text COLLATE "C" DEFAULT 'x',
    CONSTRAINT checked CHECK (id > 0)
) SERVER unreachable OPTIONS (table_name 'it''s far', schema_name 'x');
CREATE VIEW public.on_remote AS SELECT remote.id, local.name FROM public.remote JOIN public.local USING (id);
CREATE MATERIALIZED VIEW public.on_remote_without_data AS SELECT id FROM public.remote WITH NO DATA;

-- One partition is foreign, and so is a child.
CREATE TABLE public.measured (id integer, value text) PARTITION BY LIST (id);
CREATE TABLE public.measured_here PARTITION OF public.measured FOR VALUES IN (1);
CREATE FOREIGN TABLE public.measured_there PARTITION OF public.measured FOR VALUES IN (2) SERVER unreachable;
INSERT INTO public.measured VALUES (1, 'here'), (1, 'too');
CREATE FOREIGN TABLE public.remote_child () INHERITS (public.local) SERVER unreachable;

COMMENT ON FOREIGN DATA WRAPPER nowhere IS 'without a handler';
COMMENT ON SERVER unreachable IS 'a server';
COMMENT ON FOREIGN TABLE public.remote IS 'far away';
