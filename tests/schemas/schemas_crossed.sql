-- Several schemas with the same names in them, whose tables, types, functions and sequences refer across.

CREATE SCHEMA one;
CREATE SCHEMA two;
CREATE SCHEMA "Two";
CREATE SCHEMA users;
CREATE SCHEMA a_schema_without_anything;
COMMENT ON SCHEMA two IS 'the second';

CREATE TYPE one.status AS ENUM ('a', 'b');
CREATE TYPE two.status AS ENUM ('b', 'c');
CREATE SEQUENCE two.numbers START 50;
CREATE FUNCTION two.next_number(prefix text) RETURNS text LANGUAGE sql RETURN prefix || nextval('two.numbers');
CREATE FUNCTION one.label() RETURNS text LANGUAGE sql RETURN 'one';
CREATE FUNCTION two.label() RETURNS text LANGUAGE sql RETURN 'two ' || one.label();
CREATE DOMAIN "Two".amount AS numeric(10, 2) DEFAULT 1.5 CHECK (VALUE >= 0);

-- Five tables called users; one schema too, and a table in it called like the schema.
CREATE TABLE one.users (id integer PRIMARY KEY, status two.status DEFAULT 'c', label text DEFAULT two.label());
CREATE TABLE two.users (
    id text DEFAULT two.next_number('u-') PRIMARY KEY,
    one_id integer REFERENCES one.users,
    status one.status,
    amount "Two".amount
);
CREATE TABLE "Two".users (id integer DEFAULT nextval('two.numbers') PRIMARY KEY, two_id text REFERENCES two.users);
CREATE TABLE users.users (id serial PRIMARY KEY, users integer REFERENCES users.users);
CREATE TABLE public.users (id integer PRIMARY KEY REFERENCES one.users, row_of two.users, list one.users[]);
ALTER TABLE one.users ADD COLUMN last_seen_by integer;
ALTER TABLE one.users ADD CONSTRAINT seen_by FOREIGN KEY (last_seen_by) REFERENCES "Two".users DEFERRABLE INITIALLY DEFERRED;

BEGIN;
INSERT INTO one.users (id, last_seen_by) VALUES (1, 50), (2, NULL);
INSERT INTO "Two".users DEFAULT VALUES;
INSERT INTO two.users (one_id, status) VALUES (1, 'a'), (2, 'b'), (NULL, NULL);
INSERT INTO users.users (users) VALUES (NULL), (1), (2);
INSERT INTO public.users SELECT 1, u, ARRAY[ROW (1, 'b', 'x', NULL)::one.users] FROM two.users AS u WHERE one_id = 1;
COMMIT;

CREATE VIEW one.all_users AS SELECT 'one' AS schema, id::text FROM one.users UNION ALL SELECT 'two', id FROM two.users;
CREATE VIEW two.all_users AS SELECT * FROM one.all_users UNION ALL SELECT 'Two', id::text FROM "Two".users;
CREATE MATERIALIZED VIEW "Two".all_users AS SELECT * FROM two.all_users;
CREATE INDEX users_label ON one.users (label);
CREATE INDEX users_label ON two.users (one_id);
CREATE VIEW one.view_of_all_that_is_public AS SELECT users.id, users.row_of, users.list FROM public.users;

COMMENT ON SCHEMA public IS E'our own\ncomment';
