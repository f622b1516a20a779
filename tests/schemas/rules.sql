-- Rules: instead, also, conditional, several commands, on views, switched off or for replicas only.

CREATE TABLE public.goods (id integer PRIMARY KEY, name text, stock integer DEFAULT 0);
CREATE TABLE public.goods_log (what text, name text, old_stock integer, new_stock integer);
CREATE VIEW public.goods_view AS SELECT id, name FROM public.goods;
INSERT INTO public.goods VALUES (1, 'nails', 100), (2, 'it''s', NULL);

CREATE RULE insert_view AS ON INSERT TO public.goods_view DO INSTEAD
    INSERT INTO public.goods (id, name) VALUES (NEW.id, NEW.name) RETURNING goods.id, goods.name;
CREATE RULE delete_view AS ON DELETE TO public.goods_view DO INSTEAD NOTHING;
CREATE RULE log_update AS ON UPDATE TO public.goods
    WHERE OLD.stock IS DISTINCT FROM NEW.stock
    DO ALSO INSERT INTO public.goods_log VALUES (E'updated\n\\.', OLD.name, OLD.stock, NEW.stock);
CREATE RULE several AS ON DELETE TO public.goods DO ALSO (
    INSERT INTO public.goods_log (what, name) VALUES ('deleted', OLD.name);
    NOTIFY deleted, 'it''s';
    UPDATE public.goods_log SET what = what || ' $$' WHERE name = OLD.name;
);
CREATE RULE a_switched_off AS ON INSERT TO public.goods DO ALSO INSERT INTO public.goods_log (what) VALUES ('never');
CREATE RULE b_always AS ON INSERT TO public.goods WHERE NEW.id > 1000 DO INSTEAD NOTHING;
CREATE RULE c_replica AS ON INSERT TO public.goods DO ALSO INSERT INTO public.goods_log (what) VALUES ('replica');
ALTER TABLE public.goods DISABLE RULE a_switched_off;
ALTER TABLE public.goods ENABLE ALWAYS RULE b_always;
ALTER TABLE public.goods ENABLE REPLICA RULE c_replica;

-- A rule that swallows every insert: only COPY, which no rule sees, can fill this table.
CREATE TABLE public.sealed (id integer);
INSERT INTO public.sealed VALUES (1), (2), (3);
CREATE RULE sealed_insert AS ON INSERT TO public.sealed DO INSTEAD NOTHING;
CREATE RULE sealed_update AS ON UPDATE TO public.sealed DO INSTEAD NOTHING;
CREATE RULE sealed_delete AS ON DELETE TO public.sealed DO INSTEAD NOTHING;

-- The same rule name on two tables.
CREATE RULE sealed_delete AS ON DELETE TO public.goods_log DO INSTEAD SELECT 'kept' AS answer;

INSERT INTO public.goods_view VALUES (3, 'by rule');
UPDATE public.goods SET stock = 99 WHERE id = 1;
COMMENT ON RULE several ON public.goods IS 'several commands';
COMMENT ON RULE insert_view ON public.goods_view IS E'it''s\na rule';
