-- Rows that violate a foreign key which the server calls valid, written while its triggers were off: no restore.
-- limit: restore fails

CREATE TABLE public.users (id integer PRIMARY KEY);
CREATE TABLE public.messages (id integer PRIMARY KEY, user_id integer REFERENCES public.users);
INSERT INTO public.users VALUES (1);
SET session_replication_role = replica;
INSERT INTO public.messages VALUES (1, 1), (2, 999);
RESET session_replication_role;
