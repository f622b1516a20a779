-- Comments on every kind of object, with quotes, line ends, psql commands and the words of a dump.

CREATE SCHEMA noted;
COMMENT ON SCHEMA noted IS E'it''s "a" schema\n\\connect postgres\n';
CREATE TYPE noted.mood AS ENUM ('good');
COMMENT ON TYPE noted.mood IS '';
COMMENT ON TYPE noted.mood IS E'\t';
CREATE DOMAIN noted.positive AS integer CONSTRAINT above_zero CHECK (VALUE > 0);
COMMENT ON DOMAIN noted.positive IS '$$';
COMMENT ON CONSTRAINT above_zero ON DOMAIN noted.positive IS '-- x';
CREATE SEQUENCE noted.numbers;
COMMENT ON SEQUENCE noted.numbers IS E'\\.';
CREATE FUNCTION noted.f(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1';
COMMENT ON FUNCTION noted.f(integer) IS E'line\r\nline\rline\n';
CREATE PROCEDURE noted.p() LANGUAGE sql AS 'SELECT 1';
COMMENT ON PROCEDURE noted.p() IS '/* not closed';
CREATE AGGREGATE noted.a(integer) (sfunc = int4pl, stype = integer);
COMMENT ON AGGREGATE noted.a(integer) IS '\';
CREATE TABLE noted.t (
    id integer CONSTRAINT key PRIMARY KEY,
    "Column" text CONSTRAINT unique_column UNIQUE,
    parent integer CONSTRAINT to_itself REFERENCES noted.t,
    CONSTRAINT checked CHECK (id > 0)
);
INSERT INTO noted.t VALUES (1, 'one', 1);
COMMENT ON TABLE noted.t IS E'\n--\n-- PostgreSQL database dump complete\n--\n\n\\unrestrict x\n';
COMMENT ON COLUMN noted.t."Column" IS E'COPY noted.t (id) FROM stdin;\n2\n\\.\n';
COMMENT ON COLUMN noted.t.id IS 'ünïcode 😀';
COMMENT ON CONSTRAINT key ON noted.t IS 'primary key';
COMMENT ON CONSTRAINT unique_column ON noted.t IS 'unique';
COMMENT ON CONSTRAINT to_itself ON noted.t IS 'foreign key';
COMMENT ON CONSTRAINT checked ON noted.t IS 'check';
CREATE INDEX i ON noted.t (parent);
COMMENT ON INDEX noted.i IS 'index';
COMMENT ON INDEX noted.key IS 'the index of the primary key';
CREATE STATISTICS noted.s ON id, parent FROM noted.t;
COMMENT ON STATISTICS noted.s IS 'statistics';
CREATE VIEW noted.v AS SELECT id FROM noted.t;
COMMENT ON VIEW noted.v IS 'view';
COMMENT ON COLUMN noted.v.id IS 'view column';
CREATE MATERIALIZED VIEW noted.m AS SELECT id FROM noted.t;
COMMENT ON MATERIALIZED VIEW noted.m IS 'materialised view';
CREATE FUNCTION noted.trigger_function() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER trigger BEFORE INSERT ON noted.t FOR EACH ROW EXECUTE FUNCTION noted.trigger_function();
COMMENT ON TRIGGER trigger ON noted.t IS 'trigger';
CREATE RULE rule AS ON DELETE TO noted.t DO INSTEAD NOTHING;
COMMENT ON RULE rule ON noted.t IS 'rule';
CREATE POLICY policy ON noted.t USING (true);
COMMENT ON POLICY policy ON noted.t IS 'policy';
CREATE FUNCTION noted.event_function() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
CREATE EVENT TRIGGER noted_event ON sql_drop EXECUTE FUNCTION noted.event_function();
COMMENT ON EVENT TRIGGER noted_event IS 'event trigger';
CREATE PUBLICATION noted_publication FOR TABLE noted.t;
COMMENT ON PUBLICATION noted_publication IS 'publication';
SELECT lo_from_bytea(300001, 'x');
COMMENT ON LARGE OBJECT 300001 IS 'large object';
-- A comment that was taken back, and one of 100,000 bytes.
CREATE TABLE noted.long_comment (id integer);
COMMENT ON COLUMN noted.long_comment.id IS 'gone';
COMMENT ON COLUMN noted.long_comment.id IS NULL;
DO $$ BEGIN EXECUTE format('COMMENT ON TABLE noted.long_comment IS %L', repeat('it''s long. ', 10000)); END $$;
INSERT INTO noted.long_comment VALUES (1);
