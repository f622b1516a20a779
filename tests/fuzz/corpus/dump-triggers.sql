ALTER TABLE ONLY public.accounts
    ADD CONSTRAINT accounts_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.quiet
    ADD CONSTRAINT quiet_pkey PRIMARY KEY (id);
CREATE TRIGGER after_insert AFTER INSERT ON public.accounts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.count_rows();
CREATE TRIGGER after_update AFTER UPDATE ON public.accounts REFERENCING OLD TABLE AS "old ""rows""" NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION public.count_rows();
CREATE TRIGGER always AFTER INSERT OR DELETE ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.write_audit('always');
ALTER TABLE public.accounts ENABLE ALWAYS TRIGGER always;
CREATE TRIGGER closed BEFORE INSERT OR DELETE OR UPDATE ON public.closed FOR EACH ROW EXECUTE FUNCTION public.forbid();
ALTER TABLE public.closed ENABLE ALWAYS TRIGGER closed;
COMMENT ON TRIGGER closed ON public.closed IS 'closed';
CREATE TRIGGER closed BEFORE UPDATE ON public.quiet FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
COMMENT ON TRIGGER closed ON public.quiet IS 'another of that name';
CREATE CONSTRAINT TRIGGER deferred_check AFTER INSERT OR UPDATE ON public.accounts DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN ((new.id > 0)) EXECUTE FUNCTION public.write_audit('deferred');
CREATE TRIGGER double_balance BEFORE INSERT ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.double_balance();
CREATE TRIGGER for_replicas BEFORE INSERT ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.forbid();
ALTER TABLE public.accounts ENABLE REPLICA TRIGGER for_replicas;
CREATE CONSTRAINT TRIGGER from_table AFTER DELETE ON public.accounts FROM public.audit NOT DEFERRABLE INITIALLY IMMEDIATE FOR EACH ROW EXECUTE FUNCTION public.write_audit('from');
CREATE TRIGGER on_truncate BEFORE TRUNCATE ON public.accounts FOR EACH STATEMENT EXECUTE FUNCTION public.forbid();
CREATE TRIGGER other_schema AFTER INSERT ON public.quiet FOR EACH ROW EXECUTE FUNCTION hooks.write_audit();
CREATE TRIGGER search BEFORE INSERT OR UPDATE ON public.quiet FOR EACH ROW EXECUTE FUNCTION tsvector_update_trigger('search', 'pg_catalog.simple', 'body');
CREATE TRIGGER switched_off BEFORE INSERT ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.forbid();
ALTER TABLE public.accounts DISABLE TRIGGER switched_off;
CREATE TRIGGER update_of_columns BEFORE DELETE OR UPDATE OF balance, name ON public.accounts FOR EACH ROW EXECUTE FUNCTION public.write_audit('it''s', 'line
feed', '\.', '', '\x00', '"');
CREATE TRIGGER with_condition BEFORE UPDATE ON public.accounts FOR EACH ROW WHEN (((old.balance IS DISTINCT FROM new.balance) AND (new.name <> 'it''s'::text) AND (old.* IS NOT NULL))) EXECUTE FUNCTION public.write_audit();