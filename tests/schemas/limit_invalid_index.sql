-- An index left invalid, as a CREATE INDEX CONCURRENTLY that failed leaves it: pg_dump does not write it.
-- limit: restored differently: the index users_email_idx

CREATE TABLE public.users (id integer PRIMARY KEY, email text);
INSERT INTO public.users VALUES (1, 'same'), (2, 'same'), (3, 'other');
CREATE INDEX users_email_idx ON public.users (email);
CREATE INDEX users_lower_idx ON public.users (lower(email));
UPDATE pg_catalog.pg_index SET indisvalid = false WHERE indexrelid = 'public.users_email_idx'::regclass;
