-- Triggers of every kind: switched off, always, replica, deferred, with conditions, transition tables and arguments.

CREATE TABLE public.accounts (
    id integer PRIMARY KEY,
    balance numeric NOT NULL,
    changed_at timestamptz,
    name text
);
CREATE TABLE public.audit (
    number integer GENERATED ALWAYS AS IDENTITY,
    trigger_name name,
    operation text,
    arguments text
);
INSERT INTO public.accounts VALUES (1, 10, NULL, 'before any trigger'), (2, -5, NULL, NULL);

CREATE FUNCTION public.write_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.audit (trigger_name, operation, arguments) VALUES (TG_NAME, TG_OP, array_to_string(TG_ARGV, '|'));
    RETURN NEW;
END
$$;
-- If a restore fired this one, every amount would change.
CREATE FUNCTION public.double_balance() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.balance := NEW.balance * 2;
    RETURN NEW;
END
$$;
-- If a restore fired this one, it would fail.
CREATE FUNCTION public.forbid() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no % on %', TG_OP, TG_TABLE_NAME;
END
$$;
CREATE FUNCTION public.count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.audit (trigger_name, operation, arguments)
    SELECT TG_NAME, TG_OP, count(*)::text FROM new_rows;
    RETURN NULL;
END
$$;

CREATE TRIGGER double_balance BEFORE INSERT ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.double_balance();
CREATE TRIGGER after_insert AFTER INSERT ON public.accounts
    REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.count_rows();
CREATE TRIGGER after_update AFTER UPDATE ON public.accounts
    REFERENCING OLD TABLE AS "old ""rows""" NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.count_rows();
CREATE TRIGGER update_of_columns BEFORE UPDATE OF balance, name OR DELETE ON public.accounts
    FOR EACH ROW EXECUTE FUNCTION public.write_audit('it''s', E'line\nfeed', E'\\.', '', '\x00', '"');
CREATE TRIGGER with_condition BEFORE UPDATE ON public.accounts
    FOR EACH ROW WHEN (OLD.balance IS DISTINCT FROM NEW.balance AND NEW.name <> 'it''s' AND (OLD.*) IS NOT NULL)
    EXECUTE FUNCTION public.write_audit();
CREATE CONSTRAINT TRIGGER deferred_check AFTER INSERT OR UPDATE ON public.accounts
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.id > 0) EXECUTE FUNCTION public.write_audit('deferred');
CREATE CONSTRAINT TRIGGER from_table AFTER DELETE ON public.accounts FROM public.audit
    NOT DEFERRABLE FOR EACH ROW EXECUTE FUNCTION public.write_audit('from');
CREATE TRIGGER on_truncate BEFORE TRUNCATE ON public.accounts FOR EACH STATEMENT EXECUTE FUNCTION public.forbid();
CREATE TRIGGER switched_off BEFORE INSERT ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.forbid();
CREATE TRIGGER for_replicas BEFORE INSERT ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.forbid();
CREATE TRIGGER always AFTER INSERT OR DELETE ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.write_audit('always');
ALTER TABLE public.accounts DISABLE TRIGGER switched_off;
ALTER TABLE public.accounts ENABLE REPLICA TRIGGER for_replicas;
ALTER TABLE public.accounts ENABLE ALWAYS TRIGGER always;

INSERT INTO public.accounts VALUES (3, 1.25, '2024-01-01 00:00:00+00', 'doubled');
UPDATE public.accounts SET name = 'second' WHERE id = 2;

-- A table that takes no row any more, by any way.
CREATE TABLE public.closed (id integer);
INSERT INTO public.closed VALUES (1), (2), (3);
CREATE TRIGGER closed BEFORE INSERT OR UPDATE OR DELETE ON public.closed FOR EACH ROW EXECUTE FUNCTION public.forbid();
ALTER TABLE public.closed ENABLE ALWAYS TRIGGER closed;

-- The same name on another table; a built-in trigger function; one trigger function in another schema.
CREATE SCHEMA hooks;
CREATE FUNCTION hooks.write_audit() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TABLE public.quiet (id integer PRIMARY KEY, body text, search tsvector);
CREATE TRIGGER closed BEFORE UPDATE ON public.quiet FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE TRIGGER search BEFORE INSERT OR UPDATE ON public.quiet
    FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger('search', 'pg_catalog.simple', 'body');
CREATE TRIGGER other_schema AFTER INSERT ON public.quiet FOR EACH ROW EXECUTE FUNCTION hooks.write_audit();
INSERT INTO public.quiet VALUES (1, 'The quick brown fox');
COMMENT ON TRIGGER closed ON public.closed IS 'closed';
COMMENT ON TRIGGER closed ON public.quiet IS 'another of that name';
