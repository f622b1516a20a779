-- Row-level security, forced on the owner too, with policies that hide every row; a superuser sees them all.

CREATE SCHEMA tenants;
CREATE FUNCTION tenants.current_tenant() RETURNS integer
LANGUAGE sql STABLE
RETURN nullif(current_setting('dbsnap_test.tenant', true), '')::integer;

CREATE TABLE tenants.notes (id integer PRIMARY KEY, tenant_id integer NOT NULL, author name DEFAULT CURRENT_USER, body text);
INSERT INTO tenants.notes VALUES (1, 1, 'a', 'first'), (2, 2, 'b', 'second'), (3, 2, 'c', E'it''s\n');
ALTER TABLE tenants.notes ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants.notes FORCE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON tenants.notes USING (tenant_id = tenants.current_tenant());
CREATE POLICY only_own ON tenants.notes AS RESTRICTIVE FOR UPDATE TO PUBLIC
    USING (author = CURRENT_USER) WITH CHECK (author = CURRENT_USER AND body <> 'it''s');
CREATE POLICY insert_any ON tenants.notes FOR INSERT WITH CHECK (tenant_id > 0);
CREATE POLICY delete_none ON tenants.notes FOR DELETE USING (false);
CREATE POLICY select_where ON tenants.notes FOR SELECT
    USING (EXISTS (SELECT 1 FROM tenants.notes AS other WHERE other.tenant_id = notes.tenant_id));

-- Enabled without any policy: nobody but the owner sees a row. Forced without being enabled. Policies, not enabled.
CREATE TABLE tenants.no_policy (id integer);
ALTER TABLE tenants.no_policy ENABLE ROW LEVEL SECURITY;
INSERT INTO tenants.no_policy VALUES (1), (2);
CREATE TABLE tenants.forced_only (id integer);
ALTER TABLE tenants.forced_only FORCE ROW LEVEL SECURITY;
INSERT INTO tenants.forced_only VALUES (1);
CREATE TABLE tenants.not_enabled (id integer);
CREATE POLICY unused ON tenants.not_enabled USING (id = 0);
INSERT INTO tenants.not_enabled VALUES (1);

CREATE TABLE tenants.partitioned (tenant_id integer) PARTITION BY LIST (tenant_id);
CREATE TABLE tenants.partition_1 PARTITION OF tenants.partitioned FOR VALUES IN (1);
CREATE TABLE tenants.partition_2 PARTITION OF tenants.partitioned DEFAULT;
ALTER TABLE tenants.partitioned ENABLE ROW LEVEL SECURITY;
ALTER TABLE tenants.partition_1 ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON tenants.partitioned USING (tenant_id = tenants.current_tenant());
INSERT INTO tenants.partitioned VALUES (1), (1), (2), (NULL);

COMMENT ON POLICY by_tenant ON tenants.notes IS 'one policy';
COMMENT ON POLICY by_tenant ON tenants.partitioned IS 'another of that name';
