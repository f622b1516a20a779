-- What Prisma makes: camelCase, mapped names, enums, an implicit relation table, JSONB and its migration history.

CREATE TABLE public._prisma_migrations (
    id character varying(36) NOT NULL PRIMARY KEY,
    checksum character varying(64) NOT NULL,
    finished_at timestamp with time zone,
    migration_name character varying(255) NOT NULL,
    logs text,
    rolled_back_at timestamp with time zone,
    started_at timestamp with time zone NOT NULL DEFAULT now(),
    applied_steps_count integer NOT NULL DEFAULT 0
);
-- Applied; rolled back and then applied; failed, which blocks every later one.
INSERT INTO public._prisma_migrations VALUES
    ('0b7f0b3e-0c1d-4b56-9a4e-1f1f5c1f0001', encode(sha256('init'), 'hex'), '2024-01-01 10:00:01.234567+00', '20240101100000_init', NULL, NULL, '2024-01-01 10:00:00.123456+00', 1),
    ('0b7f0b3e-0c1d-4b56-9a4e-1f1f5c1f0002', encode(sha256('lists'), 'hex'), NULL, '20240201090000_lists',
     E'A migration failed to apply.\n\nDatabase error code: 42P07\n\nDatabase error:\nERROR: relation "lists" already exists\n',
     '2024-02-01 09:05:00+00', '2024-02-01 09:00:00+00', 0),
    ('0b7f0b3e-0c1d-4b56-9a4e-1f1f5c1f0003', encode(sha256('lists'), 'hex'), '2024-02-01 09:10:01+00', '20240201090000_lists', NULL, NULL, '2024-02-01 09:10:00+00', 1),
    ('0b7f0b3e-0c1d-4b56-9a4e-1f1f5c1f0004', encode(sha256('baseline'), 'hex'), '2024-02-02 00:00:00+00', '0_baseline', '', NULL, '2024-02-02 00:00:00+00', 0),
    ('0b7f0b3e-0c1d-4b56-9a4e-1f1f5c1f0005', encode(sha256('broken'), 'hex'), NULL, '20240301120000_broken', E'A migration failed to apply.\n\\. and \\restrict x', NULL, '2024-03-01 12:00:00+00', 0);

CREATE TYPE public."Role" AS ENUM ('USER', 'ADMIN', 'super-admin');
CREATE TYPE public."PropertyType" AS ENUM ('TEXT', 'NUMBER', 'LIST');

CREATE TABLE public."User" (
    id text NOT NULL,
    email text NOT NULL,
    "displayName" text,
    role public."Role" NOT NULL DEFAULT 'USER',
    roles public."Role"[] DEFAULT ARRAY['USER']::public."Role"[],
    "createdAt" timestamp(3) without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updatedAt" timestamp(3) without time zone NOT NULL,
    settings jsonb NOT NULL DEFAULT '{}',
    CONSTRAINT "User_pkey" PRIMARY KEY (id)
);
CREATE TABLE public.messages (
    id serial NOT NULL,
    "authorId" text,
    "parentId" integer,
    body text NOT NULL,
    sent_at timestamp(3) without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT messages_pkey PRIMARY KEY (id)
);
-- Lists hold lists.
CREATE TABLE public.lists (
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    name text NOT NULL,
    "ownerId" text NOT NULL,
    "parentId" uuid,
    position double precision NOT NULL DEFAULT 0,
    CONSTRAINT lists_pkey PRIMARY KEY (id)
);
CREATE TABLE public.list_properties (
    id bigserial NOT NULL,
    "listId" uuid NOT NULL,
    name text NOT NULL,
    type public."PropertyType" NOT NULL DEFAULT 'TEXT',
    "nestedListId" uuid,
    options jsonb,
    CONSTRAINT list_properties_pkey PRIMARY KEY (id)
);
CREATE TABLE public.list_data_rows (
    id bigserial NOT NULL,
    "listId" uuid NOT NULL,
    data jsonb NOT NULL,
    price numeric(65, 30),
    deleted boolean NOT NULL DEFAULT false,
    tags text[],
    attachment bytea,
    CONSTRAINT list_data_rows_pkey PRIMARY KEY (id)
);
CREATE TABLE public."Tag" (id serial NOT NULL, "tagName" text NOT NULL, CONSTRAINT "Tag_pkey" PRIMARY KEY (id));
CREATE TABLE public."_MessageToTag" ("A" integer NOT NULL, "B" integer NOT NULL);
CREATE TABLE public."_Friends" ("A" text NOT NULL, "B" text NOT NULL, CONSTRAINT "_Friends_AB_pkey" PRIMARY KEY ("A", "B"));

INSERT INTO public."User" VALUES
    ('clx0000000001', 'ada@example.com', 'Ada "Countess" O''Lovelace', 'ADMIN', '{ADMIN,super-admin}', '2024-01-01 00:00:00.001', '2024-01-02 00:00:00', '{"theme": {"dark": true}, "n": 1.10}'),
    ('clx0000000002', 'bob@example.com', NULL, DEFAULT, DEFAULT, '2024-01-01 12:34:56.789', '2024-01-01 12:34:56.789', DEFAULT),
    ('clx0000000003', 'Ünï@example.com', '', 'super-admin', '{}', '2024-02-29 23:59:59.999', '2024-02-29 23:59:59.999', '[]');
INSERT INTO public.messages ("authorId", "parentId", body, sent_at) VALUES
    ('clx0000000001', NULL, 'Hello', '2024-01-01 00:00:00'), ('clx0000000002', 1, E'Two\nlines\r\n\\.', '2024-01-01 00:01:00'),
    ('clx0000000001', 2, '😀 \restrict x', '2024-01-01 00:02:00'), (NULL, 3, '', '2024-01-01 00:03:00');
INSERT INTO public.lists VALUES
    ('00000000-0000-4000-8000-000000000001', 'Root', 'clx0000000001', NULL, 0), ('00000000-0000-4000-8000-000000000002', 'Child', 'clx0000000001', '00000000-0000-4000-8000-000000000001', 0.5),
    ('00000000-0000-4000-8000-000000000003', 'Grandchild', 'clx0000000002', '00000000-0000-4000-8000-000000000002', 0.1), ('00000000-0000-4000-8000-000000000004', 'Own parent', 'clx0000000003', '00000000-0000-4000-8000-000000000004', -1e-10);
INSERT INTO public.list_properties ("listId", name, type, "nestedListId", options) VALUES
    ('00000000-0000-4000-8000-000000000001', 'Title', 'TEXT', NULL, NULL), ('00000000-0000-4000-8000-000000000001', 'Items', 'LIST', '00000000-0000-4000-8000-000000000002', '{"columns": [["a", ["b", ["c"]]], []]}'),
    ('00000000-0000-4000-8000-000000000002', 'Amount', 'NUMBER', NULL, 'null');
INSERT INTO public.list_data_rows ("listId", data, price, deleted, tags, attachment)
SELECT ('00000000-0000-4000-8000-00000000000' || n % 4 + 1)::uuid,
       jsonb_build_object('n', n, 'nested', jsonb_build_array(jsonb_build_array(n, jsonb_build_array(n + 1, NULL)), '[]'::jsonb),
                          'text', E'it''s "quoted" \\ \n ü'),
       n / 3.0, n % 5 = 0, CASE WHEN n % 2 = 0 THEN ARRAY['a', 'b c', NULL, '"', '{}'] END, decode(md5(n::text), 'hex')
FROM generate_series(1, 250) AS n;
INSERT INTO public."Tag" ("tagName") VALUES ('red'), ('blue'), ('');
INSERT INTO public."_MessageToTag" VALUES (1, 1), (1, 2), (2, 1);
INSERT INTO public."_Friends" VALUES ('clx0000000001', 'clx0000000002'), ('clx0000000002', 'clx0000000001');

CREATE UNIQUE INDEX "User_email_key" ON public."User" USING btree (email);
CREATE INDEX "messages_authorId_sent_at_idx" ON public.messages ("authorId", sent_at DESC);
CREATE UNIQUE INDEX "list_properties_listId_name_key" ON public.list_properties ("listId", name);
CREATE INDEX "list_data_rows_data_idx" ON public.list_data_rows USING gin (data jsonb_path_ops);
CREATE UNIQUE INDEX "_MessageToTag_AB_unique" ON public."_MessageToTag" ("A", "B");
CREATE INDEX "_MessageToTag_B_index" ON public."_MessageToTag" ("B");
CREATE INDEX "_Friends_B_index" ON public."_Friends" ("B");
ALTER TABLE public.messages ADD CONSTRAINT "messages_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES public."User" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public.messages ADD CONSTRAINT "messages_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES public.messages (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public.lists ADD CONSTRAINT "lists_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES public."User" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public.lists ADD CONSTRAINT "lists_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES public.lists (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public.list_properties ADD CONSTRAINT "list_properties_listId_fkey" FOREIGN KEY ("listId") REFERENCES public.lists (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public.list_properties ADD CONSTRAINT "list_properties_nestedListId_fkey" FOREIGN KEY ("nestedListId") REFERENCES public.lists (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public.list_data_rows ADD CONSTRAINT "list_data_rows_listId_fkey" FOREIGN KEY ("listId") REFERENCES public.lists (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."_MessageToTag" ADD CONSTRAINT "_MessageToTag_A_fkey" FOREIGN KEY ("A") REFERENCES public.messages (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."_MessageToTag" ADD CONSTRAINT "_MessageToTag_B_fkey" FOREIGN KEY ("B") REFERENCES public."Tag" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."_Friends" ADD CONSTRAINT "_Friends_A_fkey" FOREIGN KEY ("A") REFERENCES public."User" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."_Friends" ADD CONSTRAINT "_Friends_B_fkey" FOREIGN KEY ("B") REFERENCES public."User" (id) ON DELETE CASCADE ON UPDATE CASCADE;
