-- Owners, grants, column grants, default privileges and policies for roles that another server lacks.

DO $do$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['dbsnap_test_owner', 'dbsnap_test_reader', 'dbsnap_test_"quoted" role'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL; -- another database of this server made it
        END;
    END LOOP;
END
$do$;

CREATE SCHEMA owned AUTHORIZATION dbsnap_test_owner;
GRANT USAGE ON SCHEMA owned TO dbsnap_test_reader;
REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO dbsnap_test_owner WITH GRANT OPTION;

CREATE TABLE owned.accounts (id serial PRIMARY KEY, email text, secret text);
INSERT INTO owned.accounts (email, secret) VALUES ('a@example.com', 's'), ('b@example.com', NULL);
ALTER TABLE owned.accounts OWNER TO dbsnap_test_owner;
GRANT SELECT (id, email) ON owned.accounts TO dbsnap_test_reader;
GRANT UPDATE (email) ON owned.accounts TO "dbsnap_test_""quoted"" role" WITH GRANT OPTION;
GRANT SELECT, REFERENCES, TRIGGER ON owned.accounts TO "dbsnap_test_""quoted"" role";
REVOKE TRUNCATE, DELETE ON owned.accounts FROM dbsnap_test_owner;
GRANT USAGE ON SEQUENCE owned.accounts_id_seq TO dbsnap_test_reader;

CREATE TABLE public.for_all (id integer);
INSERT INTO public.for_all VALUES (1);
GRANT ALL ON public.for_all TO PUBLIC;
-- Nobody keeps a right here, not even its owner.
CREATE TABLE public.for_nobody (id integer);
INSERT INTO public.for_nobody VALUES (1);
ALTER TABLE public.for_nobody OWNER TO dbsnap_test_owner;
REVOKE ALL ON public.for_nobody FROM dbsnap_test_owner;

CREATE VIEW owned.emails AS SELECT email FROM owned.accounts;
ALTER VIEW owned.emails OWNER TO "dbsnap_test_""quoted"" role";
GRANT SELECT ON owned.emails TO PUBLIC;
CREATE MATERIALIZED VIEW owned.number_of_accounts AS SELECT count(*) AS n FROM owned.accounts;
GRANT SELECT ON owned.number_of_accounts TO dbsnap_test_reader;

CREATE FUNCTION owned.secret(account integer) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ''
RETURN (SELECT secret FROM owned.accounts WHERE id = account);
ALTER FUNCTION owned.secret(integer) OWNER TO dbsnap_test_owner;
REVOKE EXECUTE ON FUNCTION owned.secret(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION owned.secret(integer) TO dbsnap_test_reader;
CREATE PROCEDURE owned.nothing() LANGUAGE sql AS 'SELECT 1';
GRANT EXECUTE ON PROCEDURE owned.nothing() TO dbsnap_test_reader;
CREATE AGGREGATE owned.total(integer) (sfunc = int4pl, stype = integer);
GRANT EXECUTE ON FUNCTION owned.total(integer) TO dbsnap_test_reader;

CREATE TYPE owned.mood AS ENUM ('good', 'bad');
ALTER TYPE owned.mood OWNER TO dbsnap_test_owner;
REVOKE USAGE ON TYPE owned.mood FROM PUBLIC;
GRANT USAGE ON TYPE owned.mood TO dbsnap_test_reader;
CREATE DOMAIN owned.positive AS integer CHECK (VALUE > 0);
GRANT USAGE ON DOMAIN owned.positive TO dbsnap_test_reader;

SELECT lo_from_bytea(700001, '\x00ff');
ALTER LARGE OBJECT 700001 OWNER TO dbsnap_test_owner;
GRANT SELECT ON LARGE OBJECT 700001 TO dbsnap_test_reader;

ALTER DEFAULT PRIVILEGES FOR ROLE dbsnap_test_owner IN SCHEMA owned GRANT SELECT ON TABLES TO dbsnap_test_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE dbsnap_test_owner IN SCHEMA owned GRANT USAGE ON SEQUENCES TO dbsnap_test_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE dbsnap_test_owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE dbsnap_test_owner REVOKE USAGE ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE dbsnap_test_owner GRANT USAGE ON SCHEMAS TO "dbsnap_test_""quoted"" role" WITH GRANT OPTION;

-- pg_dump writes the roles of a policy with --no-acl too: a restore needs them.
ALTER TABLE owned.accounts ENABLE ROW LEVEL SECURITY;
CREATE POLICY readers ON owned.accounts FOR SELECT TO dbsnap_test_reader, "dbsnap_test_""quoted"" role" USING (id > 0);
