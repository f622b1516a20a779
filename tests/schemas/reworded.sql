-- Definitions that a server words differently once they were dumped and restored, although nothing changed.

-- A list of varchar: the casts move from the array to its elements.
CREATE TABLE public.tickets (
    id integer PRIMARY KEY,
    status character varying(20) NOT NULL DEFAULT 'open',
    grade character(1),
    priority integer,
    closed boolean GENERATED ALWAYS AS (status IN ('done', 'dropped')) STORED,
    CONSTRAINT status_known CHECK (status IN ('open', 'done', 'dropped')),
    CONSTRAINT status_not CHECK (status NOT IN ('a', 'b')),
    CONSTRAINT grade_known CHECK (grade IN ('A', 'B')),
    CONSTRAINT priority_between CHECK (priority BETWEEN 1 AND 5 AND priority <> 3 AND priority <> 4)
);
INSERT INTO public.tickets VALUES (1, 'open', 'A', 1), (2, 'done', NULL, 5), (3, 'dropped', 'B', NULL);
CREATE INDEX tickets_unfinished ON public.tickets (priority) WHERE status IN ('open', 'waiting');
CREATE INDEX tickets_finished ON public.tickets ((status IN ('done', 'dropped')));
CREATE POLICY open_ones ON public.tickets USING (status IN ('open', 'waiting'));
CREATE VIEW public.open_tickets AS SELECT id FROM public.tickets WHERE status IN ('open', 'waiting');
CREATE MATERIALIZED VIEW public.closed_tickets AS SELECT id FROM public.tickets WHERE status IN ('done', 'dropped');
CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER on_status BEFORE UPDATE ON public.tickets FOR EACH ROW
    WHEN (NEW.status IN ('open', 'waiting')) EXECUTE FUNCTION public.nothing();
CREATE DOMAIN public.status AS character varying(20) CHECK (VALUE IN ('open', 'done'));
CREATE STATISTICS public.by_status ON (status IN ('open', 'waiting')), priority FROM public.tickets;
CREATE RULE on_delete AS ON DELETE TO public.tickets WHERE OLD.status IN ('open', 'waiting') DO INSTEAD NOTHING;

-- A list of rows: a blank appears before VALUES.
CREATE VIEW public.constants (n, t) AS VALUES (1, E'back\\slash'), (2, E'line\nfeed \\restrict x'), (3, '$$');
