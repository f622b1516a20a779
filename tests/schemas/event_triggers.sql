-- Event triggers, on, off, always and for replicas, one of which would refuse what a restore does.

CREATE TABLE public.ddl_log (number serial PRIMARY KEY, event text, tag text, object text);

CREATE FUNCTION public.log_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$
DECLARE
    command record;
BEGIN
    FOR command IN SELECT * FROM pg_catalog.pg_event_trigger_ddl_commands() LOOP
        INSERT INTO public.ddl_log (event, tag, object) VALUES (TG_EVENT, TG_TAG, command.object_identity);
    END LOOP;
END
$$;
CREATE FUNCTION public.log_drop() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.ddl_log (event, tag, object)
    SELECT TG_EVENT, TG_TAG, object_identity FROM pg_catalog.pg_event_trigger_dropped_objects() WHERE original;
END
$$;
CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'no % here', TG_TAG;
END
$$;

CREATE TABLE public.before_triggers (id integer PRIMARY KEY);
INSERT INTO public.before_triggers VALUES (1), (2);

CREATE EVENT TRIGGER log_ddl ON ddl_command_end EXECUTE FUNCTION public.log_ddl();
CREATE EVENT TRIGGER log_drop ON sql_drop EXECUTE FUNCTION public.log_drop();

CREATE TABLE public.after_triggers (id integer PRIMARY KEY);
INSERT INTO public.after_triggers VALUES (1);
CREATE TABLE public.dropped (id integer);
DROP TABLE public.dropped;

CREATE EVENT TRIGGER switched_off ON ddl_command_start EXECUTE FUNCTION public.refuse();
ALTER EVENT TRIGGER switched_off DISABLE;
CREATE EVENT TRIGGER for_replicas ON table_rewrite EXECUTE FUNCTION public.refuse();
ALTER EVENT TRIGGER for_replicas ENABLE REPLICA;
CREATE EVENT TRIGGER always ON ddl_command_end WHEN TAG IN ('CREATE AGGREGATE', 'DROP TABLE') EXECUTE FUNCTION public.log_ddl();
ALTER EVENT TRIGGER always ENABLE ALWAYS;
COMMENT ON EVENT TRIGGER switched_off IS 'it''s off';
-- From here on this database takes no new table.
CREATE EVENT TRIGGER no_more_tables ON ddl_command_start
    WHEN TAG IN ('CREATE TABLE', 'CREATE SCHEMA', 'ALTER TABLE', 'DROP SCHEMA') EXECUTE FUNCTION public.refuse();
