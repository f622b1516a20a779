CREATE MATERIALIZED VIEW noted.m AS
 SELECT id
   FROM noted.t
  WITH NO DATA;
COMMENT ON MATERIALIZED VIEW noted.m IS 'materialised view';
CREATE SEQUENCE noted.numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
COMMENT ON SEQUENCE noted.numbers IS '\.';
CREATE VIEW noted.v AS
 SELECT id
   FROM noted.t;
COMMENT ON VIEW noted.v IS 'view';
COMMENT ON COLUMN noted.v.id IS 'view column';
ALTER TABLE ONLY noted.t
    ADD CONSTRAINT key PRIMARY KEY (id);
COMMENT ON CONSTRAINT key ON noted.t IS 'primary key';
ALTER TABLE ONLY noted.t
    ADD CONSTRAINT unique_column UNIQUE ("Column");
COMMENT ON CONSTRAINT unique_column ON noted.t IS 'unique';
CREATE INDEX i ON noted.t USING btree (parent);
COMMENT ON INDEX noted.i IS 'index';
COMMENT ON INDEX noted.key IS 'the index of the primary key';
CREATE STATISTICS noted.s ON id, parent FROM noted.t;
COMMENT ON STATISTICS noted.s IS 'statistics';
CREATE RULE rule AS
    ON DELETE TO noted.t DO INSTEAD NOTHING;
COMMENT ON RULE rule ON noted.t IS 'rule';
CREATE TRIGGER trigger BEFORE INSERT ON noted.t FOR EACH ROW EXECUTE FUNCTION noted.trigger_function();
COMMENT ON TRIGGER trigger ON noted.t IS 'trigger';
ALTER TABLE ONLY noted.t
    ADD CONSTRAINT to_itself FOREIGN KEY (parent) REFERENCES noted.t(id);
COMMENT ON CONSTRAINT to_itself ON noted.t IS 'foreign key';
CREATE POLICY policy ON noted.t USING (true);
COMMENT ON POLICY policy ON noted.t IS 'policy';
CREATE PUBLICATION noted_publication WITH (publish = 'insert, update, delete, truncate');
COMMENT ON PUBLICATION noted_publication IS 'publication';
ALTER PUBLICATION noted_publication ADD TABLE ONLY noted.t;
CREATE EVENT TRIGGER noted_event ON sql_drop
   EXECUTE FUNCTION noted.event_function();
COMMENT ON EVENT TRIGGER noted_event IS 'event trigger';