-- A Prisma schema of forty tables besides its migration history, with 60 foreign keys among them.

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
INSERT INTO public._prisma_migrations
SELECT lpad(to_hex(n), 32, '0')::uuid::text, encode(sha256(n::text::bytea), 'hex'), timestamptz '2024-01-01 00:00:01+00' + n * interval '3 days',
       to_char(timestamp '2024-01-01 00:00:00' + n * interval '3 days', 'YYYYMMDDHH24MISS') || '_step_' || n, NULL, NULL,
       timestamptz '2024-01-01 00:00:00+00' + n * interval '3 days', 1
FROM generate_series(1, 25) AS n;

CREATE TYPE public."Plan" AS ENUM ('FREE', 'TEAM', 'ENTERPRISE');
CREATE TYPE public."Role" AS ENUM ('OWNER', 'ADMIN', 'MEMBER', 'GUEST');
CREATE TYPE public."Priority" AS ENUM ('LOW', 'MEDIUM', 'HIGH');
CREATE TYPE public."OrderStatus" AS ENUM ('DRAFT', 'PLACED', 'PAID', 'SHIPPED', 'CANCELLED');
CREATE TYPE public."PropertyType" AS ENUM ('TEXT', 'NUMBER', 'DATE', 'LIST');

CREATE TABLE public.organizations (
    id text NOT NULL,
    name text NOT NULL,
    slug text NOT NULL,
    plan public."Plan" NOT NULL DEFAULT 'FREE',
    metadata jsonb,
    "createdAt" timestamp(3) without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "organizations_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."User" (
    id text NOT NULL,
    email text NOT NULL,
    name text,
    role public."Role" NOT NULL DEFAULT 'MEMBER',
    locale text NOT NULL DEFAULT 'en',
    "lastLoginAt" timestamp(3) without time zone,
    "createdAt" timestamp(3) without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "User_pkey" PRIMARY KEY (id)
);
CREATE TABLE public.oauth_accounts (
    id text NOT NULL,
    provider text NOT NULL,
    "providerAccountId" text NOT NULL,
    "refreshToken" text,
    "userId" text NOT NULL,
    CONSTRAINT "oauth_accounts_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Session" (
    id text NOT NULL,
    "sessionToken" text NOT NULL,
    expires timestamp(3) without time zone NOT NULL,
    "userId" text NOT NULL,
    CONSTRAINT "Session_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."VerificationToken" (
    id text NOT NULL,
    identifier text NOT NULL,
    token text NOT NULL,
    expires timestamp(3) without time zone NOT NULL,
    CONSTRAINT "VerificationToken_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Membership" (
    id serial NOT NULL,
    role public."Role" NOT NULL DEFAULT 'MEMBER',
    "organizationId" text NOT NULL,
    "userId" text NOT NULL,
    CONSTRAINT "Membership_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Team" (
    id serial NOT NULL,
    name text NOT NULL,
    "organizationId" text NOT NULL,
    "parentId" integer,
    CONSTRAINT "Team_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."TeamMember" (
    id serial NOT NULL,
    "teamId" integer NOT NULL,
    "userId" text NOT NULL,
    "joinedAt" timestamp(3) without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "TeamMember_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."ApiKey" (
    id uuid NOT NULL,
    "hashedKey" bytea NOT NULL,
    scopes text[],
    "organizationId" text NOT NULL,
    "createdById" text,
    CONSTRAINT "ApiKey_pkey" PRIMARY KEY (id)
);
CREATE TABLE public.audit_events (
    id bigserial NOT NULL,
    action text NOT NULL,
    before jsonb,
    after jsonb,
    "actorId" text,
    "organizationId" text NOT NULL,
    "createdAt" timestamp(3) without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "audit_events_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Project" (
    id text NOT NULL,
    name text NOT NULL,
    key text NOT NULL,
    archived boolean NOT NULL DEFAULT false,
    "organizationId" text NOT NULL,
    "leadId" text,
    CONSTRAINT "Project_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Board" (
    id serial NOT NULL,
    name text NOT NULL,
    position double precision NOT NULL,
    "projectId" text NOT NULL,
    CONSTRAINT "Board_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Column" (
    id serial NOT NULL,
    name text NOT NULL,
    "order" integer NOT NULL,
    "boardId" integer NOT NULL,
    CONSTRAINT "Column_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Task" (
    id serial NOT NULL,
    title text NOT NULL,
    description text,
    priority public."Priority" NOT NULL DEFAULT 'MEDIUM',
    estimate numeric(12, 2),
    "dueOn" date,
    "columnId" integer NOT NULL,
    "assigneeId" text,
    "parentId" integer,
    "createdAt" timestamp(3) without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "Task_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."TaskComment" (
    id serial NOT NULL,
    body text NOT NULL,
    "taskId" integer NOT NULL,
    "authorId" text NOT NULL,
    "replyToId" integer,
    "createdAt" timestamp(3) without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT "TaskComment_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."TaskLabel" (
    id serial NOT NULL,
    label text NOT NULL,
    colour text NOT NULL DEFAULT '#000000',
    "projectId" text NOT NULL,
    CONSTRAINT "TaskLabel_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."TaskLink" (
    id serial NOT NULL,
    kind text NOT NULL,
    "fromId" integer NOT NULL,
    "toId" integer NOT NULL,
    CONSTRAINT "TaskLink_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Attachment" (
    id uuid NOT NULL,
    "fileName" text NOT NULL,
    size bigint NOT NULL,
    checksum bytea,
    "taskId" integer,
    "commentId" integer,
    CONSTRAINT "Attachment_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."TimeEntry" (
    id bigserial NOT NULL,
    "startedAt" timestamp(3) without time zone NOT NULL,
    "endedAt" timestamp(3) without time zone,
    minutes integer NOT NULL,
    "taskId" integer NOT NULL,
    "userId" text NOT NULL,
    CONSTRAINT "TimeEntry_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Customer" (
    id text NOT NULL,
    name text NOT NULL,
    email text,
    tags text[],
    "organizationId" text NOT NULL,
    CONSTRAINT "Customer_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Address" (
    id serial NOT NULL,
    street text NOT NULL,
    city text NOT NULL,
    country text NOT NULL DEFAULT 'NL',
    "customerId" text NOT NULL,
    CONSTRAINT "Address_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."ProductCategory" (
    id serial NOT NULL,
    name text NOT NULL,
    "parentId" integer,
    CONSTRAINT "ProductCategory_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Product" (
    id text NOT NULL,
    sku text NOT NULL,
    name text NOT NULL,
    price numeric(12, 2) NOT NULL,
    attributes jsonb,
    "categoryId" integer,
    CONSTRAINT "Product_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."ProductVariant" (
    id serial NOT NULL,
    name text NOT NULL,
    "extraPrice" numeric(12, 2) NOT NULL,
    stock integer NOT NULL,
    "productId" text NOT NULL,
    CONSTRAINT "ProductVariant_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Warehouse" (
    id serial NOT NULL,
    name text NOT NULL,
    location text,
    "organizationId" text NOT NULL,
    CONSTRAINT "Warehouse_pkey" PRIMARY KEY (id)
);
CREATE TABLE public.stock_levels (
    id bigserial NOT NULL,
    quantity integer NOT NULL,
    "warehouseId" integer NOT NULL,
    "variantId" integer NOT NULL,
    CONSTRAINT "stock_levels_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Order" (
    id text NOT NULL,
    number serial NOT NULL,
    status public."OrderStatus" NOT NULL DEFAULT 'DRAFT',
    total numeric(12, 2) NOT NULL,
    "placedAt" timestamp(3) without time zone,
    "customerId" text NOT NULL,
    "shippingAddressId" integer,
    CONSTRAINT "Order_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."OrderLine" (
    id bigserial NOT NULL,
    quantity integer NOT NULL,
    "unitPrice" numeric(12, 2) NOT NULL,
    "orderId" text NOT NULL,
    "variantId" integer NOT NULL,
    CONSTRAINT "OrderLine_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Invoice" (
    id text NOT NULL,
    number text NOT NULL,
    "issuedOn" date NOT NULL,
    "paidAt" timestamp(3) without time zone,
    "orderId" text NOT NULL,
    CONSTRAINT "Invoice_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Payment" (
    id text NOT NULL,
    amount numeric(12, 2) NOT NULL,
    currency character(3) NOT NULL,
    provider text NOT NULL,
    raw json,
    "invoiceId" text NOT NULL,
    CONSTRAINT "Payment_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Refund" (
    id text NOT NULL,
    amount numeric(12, 2) NOT NULL,
    reason text,
    "paymentId" text NOT NULL,
    "approvedById" text,
    CONSTRAINT "Refund_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Coupon" (
    id serial NOT NULL,
    code text NOT NULL,
    percent smallint,
    "validUntil" timestamp(3) without time zone,
    CONSTRAINT "Coupon_pkey" PRIMARY KEY (id)
);
CREATE TABLE public.lists (
    id uuid NOT NULL,
    name text NOT NULL,
    "ownerId" text NOT NULL,
    "parentId" uuid,
    CONSTRAINT "lists_pkey" PRIMARY KEY (id)
);
CREATE TABLE public.list_properties (
    id bigserial NOT NULL,
    name text NOT NULL,
    type public."PropertyType" NOT NULL DEFAULT 'TEXT',
    options jsonb,
    "listId" uuid NOT NULL,
    "nestedListId" uuid,
    CONSTRAINT "list_properties_pkey" PRIMARY KEY (id)
);
CREATE TABLE public.list_data_rows (
    id bigserial NOT NULL,
    data jsonb NOT NULL,
    version integer NOT NULL,
    "listId" uuid NOT NULL,
    CONSTRAINT "list_data_rows_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Conversation" (
    id text NOT NULL,
    subject text,
    "organizationId" text NOT NULL,
    CONSTRAINT "Conversation_pkey" PRIMARY KEY (id)
);
CREATE TABLE public.messages (
    id bigserial NOT NULL,
    body text NOT NULL,
    "sentAt" timestamp(3) without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "conversationId" text NOT NULL,
    "senderId" text,
    "parentId" bigint,
    CONSTRAINT "messages_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."Notification" (
    id bigserial NOT NULL,
    kind text NOT NULL,
    payload jsonb,
    "readAt" timestamp(3) without time zone,
    "userId" text NOT NULL,
    "messageId" bigint,
    CONSTRAINT "Notification_pkey" PRIMARY KEY (id)
);
CREATE TABLE public."_OrderToCoupon" ("A" text NOT NULL, "B" integer NOT NULL);
CREATE TABLE public."_TaskToTaskLabel" ("A" integer NOT NULL, "B" integer NOT NULL);

-- Rows, in the order in which the keys will hold.
INSERT INTO public.organizations (id, name, slug, plan, metadata, "createdAt")
SELECT 'corganization' || lpad((n)::text, 6, '0'),
       'name ' || n % 17,
       'slug ' || n,
       (enum_range(NULL::public."Plan"))[n % 3 + 1],
       CASE WHEN n % 3 > 0 THEN jsonb_build_object('n', n, 'nested', jsonb_build_array(n, jsonb_build_array(n % 3, NULL)), 'text', E'it''s \\ \n') END,
       timestamp '2024-01-01 00:00:00' + n * interval '6 minutes 0.123 seconds'
FROM generate_series(1, 5) AS n;
INSERT INTO public."User" (id, email, name, role, locale, "lastLoginAt", "createdAt")
SELECT 'cuser' || lpad((n)::text, 6, '0'),
       'email ' || n,
       CASE WHEN n % 3 > 0 THEN 'name ' || n % 17 END,
       (enum_range(NULL::public."Role"))[n % 4 + 1],
       'locale ' || n % 17,
       CASE WHEN n % 3 > 0 THEN timestamp '2024-01-01 00:00:00' + n * interval '8 hours 1.007 seconds' END,
       timestamp '2024-01-01 00:00:00' + n * interval '7 minutes 0.123 seconds'
FROM generate_series(1, 40) AS n;
INSERT INTO public.oauth_accounts (id, provider, "providerAccountId", "refreshToken", "userId")
SELECT 'coauth_accoun' || lpad((n)::text, 6, '0'),
       'provider ' || n % 17,
       'providerAccountId ' || n % 17,
       CASE WHEN n % 3 > 0 THEN 'refreshToken ' || n % 17 END,
       'cuser' || lpad((n * 5 % 40 + 1)::text, 6, '0')
FROM generate_series(1, 30) AS n;
INSERT INTO public."Session" (id, "sessionToken", expires, "userId")
SELECT 'csession' || lpad((n)::text, 6, '0'),
       'sessionToken ' || n,
       timestamp '2024-01-01 00:00:00' + n * interval '5 hours 1.007 seconds',
       'cuser' || lpad((n * 4 % 40 + 1)::text, 6, '0')
FROM generate_series(1, 30) AS n;
INSERT INTO public."Membership" (role, "organizationId", "userId")
SELECT (enum_range(NULL::public."Role"))[n % 4 + 1],
       'corganization' || lpad((n * 3 % 5 + 1)::text, 6, '0'),
       'cuser' || lpad((n * 4 % 40 + 1)::text, 6, '0')
FROM generate_series(1, 40) AS n;
INSERT INTO public."Team" (name, "organizationId", "parentId")
SELECT 'name ' || n % 17,
       'corganization' || lpad((n * 3 % 5 + 1)::text, 6, '0'),
       CASE WHEN n > 1 THEN n / 2 END
FROM generate_series(1, 5) AS n;
INSERT INTO public."TeamMember" ("teamId", "userId", "joinedAt")
SELECT n * 2 % 5 + 1,
       'cuser' || lpad((n * 3 % 40 + 1)::text, 6, '0'),
       timestamp '2024-01-01 00:00:00' + n * interval '4 minutes 0.123 seconds'
FROM generate_series(1, 5) AS n;
INSERT INTO public."ApiKey" (id, "hashedKey", scopes, "organizationId", "createdById")
SELECT lpad(to_hex(n), 32, '0')::uuid,
       decode(md5(n::text), 'hex'),
       ARRAY['a', 'b ' || n, NULL, '"'],
       'corganization' || lpad((n * 4 % 5 + 1)::text, 6, '0'),
       CASE WHEN n % 4 > 0 THEN 'cuser' || lpad((n * 5 % 40 + 1)::text, 6, '0') END
FROM generate_series(1, 5) AS n;
INSERT INTO public.audit_events (action, before, after, "actorId", "organizationId", "createdAt")
SELECT 'action ' || n % 17,
       CASE WHEN n % 3 > 0 THEN jsonb_build_object('n', n, 'nested', jsonb_build_array(n, jsonb_build_array(n % 3, NULL)), 'text', E'it''s \\ \n') END,
       CASE WHEN n % 3 > 0 THEN jsonb_build_object('n', n, 'nested', jsonb_build_array(n, jsonb_build_array(n % 3, NULL)), 'text', E'it''s \\ \n') END,
       CASE WHEN n % 4 > 0 THEN 'cuser' || lpad((n * 5 % 40 + 1)::text, 6, '0') END,
       'corganization' || lpad((n * 6 % 5 + 1)::text, 6, '0'),
       timestamp '2024-01-01 00:00:00' + n * interval '7 minutes 0.123 seconds'
FROM generate_series(1, 300) AS n;
INSERT INTO public."Project" (id, name, key, archived, "organizationId", "leadId")
SELECT 'cproject' || lpad((n)::text, 6, '0'),
       'name ' || n % 17,
       'key ' || n,
       n % 4 = 0,
       'corganization' || lpad((n * 5 % 5 + 1)::text, 6, '0'),
       CASE WHEN n % 4 > 0 THEN 'cuser' || lpad((n * 6 % 40 + 1)::text, 6, '0') END
FROM generate_series(1, 5) AS n;
INSERT INTO public."Board" (name, position, "projectId")
SELECT 'name ' || n % 17,
       n / 8.0,
       'cproject' || lpad((n * 4 % 5 + 1)::text, 6, '0')
FROM generate_series(1, 5) AS n;
INSERT INTO public."Column" (name, "order", "boardId")
SELECT 'name ' || n % 17,
       n * 2 % 23,
       n * 4 % 5 + 1
FROM generate_series(1, 5) AS n;
INSERT INTO public."Task" (title, description, priority, estimate, "dueOn", "columnId", "assigneeId", "parentId", "createdAt")
SELECT 'title ' || n % 17,
       CASE WHEN n % 3 > 0 THEN 'description ' || n % 17 END,
       (enum_range(NULL::public."Priority"))[n % 3 + 1],
       CASE WHEN n % 3 > 0 THEN n * 1.25 END,
       CASE WHEN n % 3 > 0 THEN date '2024-01-01' + n END,
       n * 7 % 5 + 1,
       CASE WHEN n % 4 > 0 THEN 'cuser' || lpad((n * 8 % 40 + 1)::text, 6, '0') END,
       CASE WHEN n > 1 THEN n / 2 END,
       timestamp '2024-01-01 00:00:00' + n * interval '10 minutes 0.123 seconds'
FROM generate_series(1, 120) AS n;
INSERT INTO public."TaskComment" (body, "taskId", "authorId", "replyToId", "createdAt")
SELECT 'body ' || n % 17,
       n * 3 % 120 + 1,
       'cuser' || lpad((n * 4 % 40 + 1)::text, 6, '0'),
       CASE WHEN n > 1 THEN n / 2 END,
       timestamp '2024-01-01 00:00:00' + n * interval '6 minutes 0.123 seconds'
FROM generate_series(1, 150) AS n;
INSERT INTO public."TaskLabel" (label, colour, "projectId")
SELECT 'label ' || n % 17,
       'colour ' || n % 17,
       'cproject' || lpad((n * 4 % 5 + 1)::text, 6, '0')
FROM generate_series(1, 5) AS n;
INSERT INTO public."TaskLink" (kind, "fromId", "toId")
SELECT 'kind ' || n % 17,
       n * 3 % 120 + 1,
       n * 4 % 120 + 1
FROM generate_series(1, 5) AS n;
INSERT INTO public."Attachment" (id, "fileName", size, checksum, "taskId", "commentId")
SELECT lpad(to_hex(n), 32, '0')::uuid,
       'fileName ' || n % 17,
       n * 10000000000,
       CASE WHEN n % 3 > 0 THEN decode(md5(n::text), 'hex') END,
       CASE WHEN n % 4 > 0 THEN n * 5 % 120 + 1 END,
       CASE WHEN n % 4 > 0 THEN n * 6 % 150 + 1 END
FROM generate_series(1, 5) AS n;
INSERT INTO public."TimeEntry" ("startedAt", "endedAt", minutes, "taskId", "userId")
SELECT timestamp '2024-01-01 00:00:00' + n * interval '4 hours 1.007 seconds',
       CASE WHEN n % 3 > 0 THEN timestamp '2024-01-01 00:00:00' + n * interval '5 hours 1.007 seconds' END,
       n * 3 % 23,
       n * 5 % 120 + 1,
       'cuser' || lpad((n * 6 % 40 + 1)::text, 6, '0')
FROM generate_series(1, 200) AS n;
INSERT INTO public."Customer" (id, name, email, tags, "organizationId")
SELECT 'ccustomer' || lpad((n)::text, 6, '0'),
       'name ' || n % 17,
       CASE WHEN n % 3 > 0 THEN 'email ' || n % 17 END,
       ARRAY['a', 'b ' || n, NULL, '"'],
       'corganization' || lpad((n * 5 % 5 + 1)::text, 6, '0')
FROM generate_series(1, 30) AS n;
INSERT INTO public."Address" (street, city, country, "customerId")
SELECT 'street ' || n % 17,
       'city ' || n % 17,
       'country ' || n % 17,
       'ccustomer' || lpad((n * 5 % 30 + 1)::text, 6, '0')
FROM generate_series(1, 30) AS n;
INSERT INTO public."ProductCategory" (name, "parentId")
SELECT 'name ' || n % 17,
       CASE WHEN n > 1 THEN n / 2 END
FROM generate_series(1, 5) AS n;
INSERT INTO public."Product" (id, sku, name, price, attributes, "categoryId")
SELECT 'cproduct' || lpad((n)::text, 6, '0'),
       'sku ' || n,
       'name ' || n % 17,
       n * 1.25,
       CASE WHEN n % 3 > 0 THEN jsonb_build_object('n', n, 'nested', jsonb_build_array(n, jsonb_build_array(n % 3, NULL)), 'text', E'it''s \\ \n') END,
       CASE WHEN n % 4 > 0 THEN n * 6 % 5 + 1 END
FROM generate_series(1, 20) AS n;
INSERT INTO public."ProductVariant" (name, "extraPrice", stock, "productId")
SELECT 'name ' || n % 17,
       n * 1.25,
       n * 3 % 23,
       'cproduct' || lpad((n * 5 % 20 + 1)::text, 6, '0')
FROM generate_series(1, 40) AS n;
INSERT INTO public."Warehouse" (name, location, "organizationId")
SELECT 'name ' || n % 17,
       CASE WHEN n % 3 > 0 THEN 'location ' || n % 17 END,
       'corganization' || lpad((n * 4 % 5 + 1)::text, 6, '0')
FROM generate_series(1, 5) AS n;
INSERT INTO public.stock_levels (quantity, "warehouseId", "variantId")
SELECT n * 1 % 23,
       n * 3 % 5 + 1,
       n * 4 % 40 + 1
FROM generate_series(1, 80) AS n;
INSERT INTO public."Order" (id, status, total, "placedAt", "customerId", "shippingAddressId")
SELECT 'corder' || lpad((n)::text, 6, '0'),
       (enum_range(NULL::public."OrderStatus"))[n % 5 + 1],
       n * 1.25,
       CASE WHEN n % 3 > 0 THEN timestamp '2024-01-01 00:00:00' + n * interval '7 hours 1.007 seconds' END,
       'ccustomer' || lpad((n * 6 % 30 + 1)::text, 6, '0'),
       CASE WHEN n % 4 > 0 THEN n * 7 % 30 + 1 END
FROM generate_series(1, 60) AS n;
INSERT INTO public."OrderLine" (quantity, "unitPrice", "orderId", "variantId")
SELECT n * 1 % 23,
       n * 1.25,
       'corder' || lpad((n * 4 % 60 + 1)::text, 6, '0'),
       n * 5 % 40 + 1
FROM generate_series(1, 150) AS n;
INSERT INTO public."Invoice" (id, number, "issuedOn", "paidAt", "orderId")
SELECT 'cinvoice' || lpad((n)::text, 6, '0'),
       'number ' || n,
       date '2024-01-01' + n,
       CASE WHEN n % 3 > 0 THEN timestamp '2024-01-01 00:00:00' + n * interval '6 hours 1.007 seconds' END,
       'corder' || lpad((n * 5 % 60 + 1)::text, 6, '0')
FROM generate_series(1, 5) AS n;
INSERT INTO public."Payment" (id, amount, currency, provider, raw, "invoiceId")
SELECT 'cpayment' || lpad((n)::text, 6, '0'),
       n * 1.25,
       'EUR',
       'provider ' || n % 17,
       CASE WHEN n % 3 > 0 THEN json_build_object('z', n, 'a', n / 8.0) END,
       'cinvoice' || lpad((n * 6 % 5 + 1)::text, 6, '0')
FROM generate_series(1, 5) AS n;
INSERT INTO public."Refund" (id, amount, reason, "paymentId", "approvedById")
SELECT 'crefund' || lpad((n)::text, 6, '0'),
       n * 1.25,
       CASE WHEN n % 3 > 0 THEN 'reason ' || n % 17 END,
       'cpayment' || lpad((n * 4 % 5 + 1)::text, 6, '0'),
       CASE WHEN n % 4 > 0 THEN 'cuser' || lpad((n * 5 % 40 + 1)::text, 6, '0') END
FROM generate_series(1, 5) AS n;
INSERT INTO public.lists (id, name, "ownerId", "parentId")
SELECT lpad(to_hex(n), 32, '0')::uuid,
       'name ' || n % 17,
       'cuser' || lpad((n * 3 % 40 + 1)::text, 6, '0'),
       CASE WHEN n > 1 THEN lpad(to_hex(n / 2), 32, '0')::uuid END
FROM generate_series(1, 12) AS n;
INSERT INTO public.list_properties (name, type, options, "listId", "nestedListId")
SELECT 'name ' || n % 17,
       (enum_range(NULL::public."PropertyType"))[n % 4 + 1],
       CASE WHEN n % 3 > 0 THEN jsonb_build_object('n', n, 'nested', jsonb_build_array(n, jsonb_build_array(n % 3, NULL)), 'text', E'it''s \\ \n') END,
       lpad(to_hex(n * 5 % 12 + 1), 32, '0')::uuid,
       CASE WHEN n % 4 > 0 THEN lpad(to_hex(n * 6 % 12 + 1), 32, '0')::uuid END
FROM generate_series(1, 40) AS n;
INSERT INTO public.list_data_rows (data, version, "listId")
SELECT jsonb_build_object('n', n, 'nested', jsonb_build_array(n, jsonb_build_array(n % 3, NULL)), 'text', E'it''s \\ \n'),
       n * 2 % 23,
       lpad(to_hex(n * 4 % 12 + 1), 32, '0')::uuid
FROM generate_series(1, 400) AS n;
INSERT INTO public."Conversation" (id, subject, "organizationId")
SELECT 'cconversation' || lpad((n)::text, 6, '0'),
       CASE WHEN n % 3 > 0 THEN 'subject ' || n % 17 END,
       'corganization' || lpad((n * 3 % 5 + 1)::text, 6, '0')
FROM generate_series(1, 5) AS n;
INSERT INTO public.messages (body, "sentAt", "conversationId", "senderId", "parentId")
SELECT 'body ' || n % 17,
       timestamp '2024-01-01 00:00:00' + n * interval '3 minutes 0.123 seconds',
       'cconversation' || lpad((n * 4 % 5 + 1)::text, 6, '0'),
       CASE WHEN n % 4 > 0 THEN 'cuser' || lpad((n * 5 % 40 + 1)::text, 6, '0') END,
       CASE WHEN n > 1 THEN n / 2 END
FROM generate_series(1, 200) AS n;
INSERT INTO public."Notification" (kind, payload, "readAt", "userId", "messageId")
SELECT 'kind ' || n % 17,
       CASE WHEN n % 3 > 0 THEN jsonb_build_object('n', n, 'nested', jsonb_build_array(n, jsonb_build_array(n % 3, NULL)), 'text', E'it''s \\ \n') END,
       CASE WHEN n % 3 > 0 THEN timestamp '2024-01-01 00:00:00' + n * interval '6 hours 1.007 seconds' END,
       'cuser' || lpad((n * 5 % 40 + 1)::text, 6, '0'),
       CASE WHEN n % 4 > 0 THEN n * 6 % 200 + 1 END
FROM generate_series(1, 100) AS n;
INSERT INTO public."_TaskToTaskLabel" SELECT n, n % 5 + 1 FROM generate_series(1, 60) AS n;

CREATE UNIQUE INDEX "organizations_slug_key" ON public.organizations (slug);
CREATE UNIQUE INDEX "User_email_key" ON public."User" (email);
CREATE UNIQUE INDEX "Session_sessionToken_key" ON public."Session" ("sessionToken");
CREATE UNIQUE INDEX "VerificationToken_token_key" ON public."VerificationToken" (token);
CREATE UNIQUE INDEX "Project_key_key" ON public."Project" (key);
CREATE UNIQUE INDEX "Product_sku_key" ON public."Product" (sku);
CREATE UNIQUE INDEX "Order_number_key" ON public."Order" (number);
CREATE UNIQUE INDEX "Invoice_number_key" ON public."Invoice" (number);
CREATE UNIQUE INDEX "Coupon_code_key" ON public."Coupon" (code);
CREATE UNIQUE INDEX "oauth_accounts_provider_providerAccountId_key" ON public.oauth_accounts (provider, "providerAccountId", id);
CREATE INDEX "oauth_accounts_userId_idx" ON public.oauth_accounts ("userId");
CREATE INDEX "Session_userId_idx" ON public."Session" ("userId");
CREATE INDEX "Membership_organizationId_idx" ON public."Membership" ("organizationId");
CREATE INDEX "Membership_userId_idx" ON public."Membership" ("userId");
CREATE INDEX "Team_organizationId_idx" ON public."Team" ("organizationId");
CREATE INDEX "Team_parentId_idx" ON public."Team" ("parentId");
CREATE INDEX "TeamMember_teamId_idx" ON public."TeamMember" ("teamId");
CREATE INDEX "TeamMember_userId_idx" ON public."TeamMember" ("userId");
CREATE INDEX "ApiKey_organizationId_idx" ON public."ApiKey" ("organizationId");
CREATE INDEX "ApiKey_createdById_idx" ON public."ApiKey" ("createdById");
CREATE INDEX "audit_events_actorId_idx" ON public.audit_events ("actorId");
CREATE INDEX "audit_events_organizationId_idx" ON public.audit_events ("organizationId");
CREATE INDEX "Project_organizationId_idx" ON public."Project" ("organizationId");
CREATE INDEX "Project_leadId_idx" ON public."Project" ("leadId");
CREATE INDEX "Board_projectId_idx" ON public."Board" ("projectId");
CREATE INDEX "Column_boardId_idx" ON public."Column" ("boardId");
CREATE INDEX "Task_columnId_idx" ON public."Task" ("columnId");
CREATE INDEX "Task_assigneeId_idx" ON public."Task" ("assigneeId");
CREATE INDEX "Task_parentId_idx" ON public."Task" ("parentId");
CREATE INDEX "TaskComment_taskId_idx" ON public."TaskComment" ("taskId");
CREATE INDEX "TaskComment_authorId_idx" ON public."TaskComment" ("authorId");
CREATE INDEX "TaskComment_replyToId_idx" ON public."TaskComment" ("replyToId");
CREATE INDEX "TaskLabel_projectId_idx" ON public."TaskLabel" ("projectId");
CREATE INDEX "TaskLink_fromId_idx" ON public."TaskLink" ("fromId");
CREATE INDEX "TaskLink_toId_idx" ON public."TaskLink" ("toId");
CREATE INDEX "Attachment_taskId_idx" ON public."Attachment" ("taskId");
CREATE INDEX "Attachment_commentId_idx" ON public."Attachment" ("commentId");
CREATE INDEX "TimeEntry_taskId_idx" ON public."TimeEntry" ("taskId");
CREATE INDEX "TimeEntry_userId_idx" ON public."TimeEntry" ("userId");
CREATE INDEX "Customer_organizationId_idx" ON public."Customer" ("organizationId");
CREATE INDEX "Address_customerId_idx" ON public."Address" ("customerId");
CREATE INDEX "ProductCategory_parentId_idx" ON public."ProductCategory" ("parentId");
CREATE INDEX "Product_categoryId_idx" ON public."Product" ("categoryId");
CREATE INDEX "ProductVariant_productId_idx" ON public."ProductVariant" ("productId");
CREATE INDEX "Warehouse_organizationId_idx" ON public."Warehouse" ("organizationId");
CREATE INDEX "stock_levels_warehouseId_idx" ON public.stock_levels ("warehouseId");
CREATE INDEX "stock_levels_variantId_idx" ON public.stock_levels ("variantId");
CREATE INDEX "Order_customerId_idx" ON public."Order" ("customerId");
CREATE INDEX "Order_shippingAddressId_idx" ON public."Order" ("shippingAddressId");
CREATE INDEX "OrderLine_orderId_idx" ON public."OrderLine" ("orderId");
CREATE INDEX "OrderLine_variantId_idx" ON public."OrderLine" ("variantId");
CREATE INDEX "Invoice_orderId_idx" ON public."Invoice" ("orderId");
CREATE INDEX "Payment_invoiceId_idx" ON public."Payment" ("invoiceId");
CREATE INDEX "Refund_paymentId_idx" ON public."Refund" ("paymentId");
CREATE INDEX "Refund_approvedById_idx" ON public."Refund" ("approvedById");
CREATE INDEX "lists_ownerId_idx" ON public.lists ("ownerId");
CREATE INDEX "lists_parentId_idx" ON public.lists ("parentId");
CREATE INDEX "list_properties_listId_idx" ON public.list_properties ("listId");
CREATE INDEX "list_properties_nestedListId_idx" ON public.list_properties ("nestedListId");
CREATE INDEX "list_data_rows_listId_idx" ON public.list_data_rows ("listId");
CREATE INDEX "Conversation_organizationId_idx" ON public."Conversation" ("organizationId");
CREATE INDEX "messages_conversationId_idx" ON public.messages ("conversationId");
CREATE INDEX "messages_senderId_idx" ON public.messages ("senderId");
CREATE INDEX "messages_parentId_idx" ON public.messages ("parentId");
CREATE INDEX "Notification_userId_idx" ON public."Notification" ("userId");
CREATE INDEX "Notification_messageId_idx" ON public."Notification" ("messageId");
CREATE UNIQUE INDEX "_OrderToCoupon_AB_unique" ON public."_OrderToCoupon" ("A", "B");
CREATE INDEX "_OrderToCoupon_B_index" ON public."_OrderToCoupon" ("B");
CREATE UNIQUE INDEX "_TaskToTaskLabel_AB_unique" ON public."_TaskToTaskLabel" ("A", "B");
CREATE INDEX "_TaskToTaskLabel_B_index" ON public."_TaskToTaskLabel" ("B");

ALTER TABLE public.oauth_accounts ADD CONSTRAINT "oauth_accounts_userId_fkey" FOREIGN KEY ("userId") REFERENCES public."User" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Session" ADD CONSTRAINT "Session_userId_fkey" FOREIGN KEY ("userId") REFERENCES public."User" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Membership" ADD CONSTRAINT "Membership_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES public.organizations (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Membership" ADD CONSTRAINT "Membership_userId_fkey" FOREIGN KEY ("userId") REFERENCES public."User" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Team" ADD CONSTRAINT "Team_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES public.organizations (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Team" ADD CONSTRAINT "Team_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES public."Team" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."TeamMember" ADD CONSTRAINT "TeamMember_teamId_fkey" FOREIGN KEY ("teamId") REFERENCES public."Team" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."TeamMember" ADD CONSTRAINT "TeamMember_userId_fkey" FOREIGN KEY ("userId") REFERENCES public."User" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."ApiKey" ADD CONSTRAINT "ApiKey_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES public.organizations (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."ApiKey" ADD CONSTRAINT "ApiKey_createdById_fkey" FOREIGN KEY ("createdById") REFERENCES public."User" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public.audit_events ADD CONSTRAINT "audit_events_actorId_fkey" FOREIGN KEY ("actorId") REFERENCES public."User" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public.audit_events ADD CONSTRAINT "audit_events_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES public.organizations (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Project" ADD CONSTRAINT "Project_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES public.organizations (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Project" ADD CONSTRAINT "Project_leadId_fkey" FOREIGN KEY ("leadId") REFERENCES public."User" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."Board" ADD CONSTRAINT "Board_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES public."Project" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."Column" ADD CONSTRAINT "Column_boardId_fkey" FOREIGN KEY ("boardId") REFERENCES public."Board" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."Task" ADD CONSTRAINT "Task_columnId_fkey" FOREIGN KEY ("columnId") REFERENCES public."Column" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Task" ADD CONSTRAINT "Task_assigneeId_fkey" FOREIGN KEY ("assigneeId") REFERENCES public."User" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."Task" ADD CONSTRAINT "Task_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES public."Task" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."TaskComment" ADD CONSTRAINT "TaskComment_taskId_fkey" FOREIGN KEY ("taskId") REFERENCES public."Task" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."TaskComment" ADD CONSTRAINT "TaskComment_authorId_fkey" FOREIGN KEY ("authorId") REFERENCES public."User" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."TaskComment" ADD CONSTRAINT "TaskComment_replyToId_fkey" FOREIGN KEY ("replyToId") REFERENCES public."TaskComment" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."TaskLabel" ADD CONSTRAINT "TaskLabel_projectId_fkey" FOREIGN KEY ("projectId") REFERENCES public."Project" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."TaskLink" ADD CONSTRAINT "TaskLink_fromId_fkey" FOREIGN KEY ("fromId") REFERENCES public."Task" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."TaskLink" ADD CONSTRAINT "TaskLink_toId_fkey" FOREIGN KEY ("toId") REFERENCES public."Task" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Attachment" ADD CONSTRAINT "Attachment_taskId_fkey" FOREIGN KEY ("taskId") REFERENCES public."Task" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."Attachment" ADD CONSTRAINT "Attachment_commentId_fkey" FOREIGN KEY ("commentId") REFERENCES public."TaskComment" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."TimeEntry" ADD CONSTRAINT "TimeEntry_taskId_fkey" FOREIGN KEY ("taskId") REFERENCES public."Task" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."TimeEntry" ADD CONSTRAINT "TimeEntry_userId_fkey" FOREIGN KEY ("userId") REFERENCES public."User" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Customer" ADD CONSTRAINT "Customer_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES public.organizations (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Address" ADD CONSTRAINT "Address_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES public."Customer" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."ProductCategory" ADD CONSTRAINT "ProductCategory_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES public."ProductCategory" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."Product" ADD CONSTRAINT "Product_categoryId_fkey" FOREIGN KEY ("categoryId") REFERENCES public."ProductCategory" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."ProductVariant" ADD CONSTRAINT "ProductVariant_productId_fkey" FOREIGN KEY ("productId") REFERENCES public."Product" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."Warehouse" ADD CONSTRAINT "Warehouse_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES public.organizations (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public.stock_levels ADD CONSTRAINT "stock_levels_warehouseId_fkey" FOREIGN KEY ("warehouseId") REFERENCES public."Warehouse" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public.stock_levels ADD CONSTRAINT "stock_levels_variantId_fkey" FOREIGN KEY ("variantId") REFERENCES public."ProductVariant" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."Order" ADD CONSTRAINT "Order_customerId_fkey" FOREIGN KEY ("customerId") REFERENCES public."Customer" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Order" ADD CONSTRAINT "Order_shippingAddressId_fkey" FOREIGN KEY ("shippingAddressId") REFERENCES public."Address" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."OrderLine" ADD CONSTRAINT "OrderLine_orderId_fkey" FOREIGN KEY ("orderId") REFERENCES public."Order" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."OrderLine" ADD CONSTRAINT "OrderLine_variantId_fkey" FOREIGN KEY ("variantId") REFERENCES public."ProductVariant" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."Invoice" ADD CONSTRAINT "Invoice_orderId_fkey" FOREIGN KEY ("orderId") REFERENCES public."Order" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."Payment" ADD CONSTRAINT "Payment_invoiceId_fkey" FOREIGN KEY ("invoiceId") REFERENCES public."Invoice" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."Refund" ADD CONSTRAINT "Refund_paymentId_fkey" FOREIGN KEY ("paymentId") REFERENCES public."Payment" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."Refund" ADD CONSTRAINT "Refund_approvedById_fkey" FOREIGN KEY ("approvedById") REFERENCES public."User" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public.lists ADD CONSTRAINT "lists_ownerId_fkey" FOREIGN KEY ("ownerId") REFERENCES public."User" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public.lists ADD CONSTRAINT "lists_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES public.lists (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public.list_properties ADD CONSTRAINT "list_properties_listId_fkey" FOREIGN KEY ("listId") REFERENCES public.lists (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public.list_properties ADD CONSTRAINT "list_properties_nestedListId_fkey" FOREIGN KEY ("nestedListId") REFERENCES public.lists (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public.list_data_rows ADD CONSTRAINT "list_data_rows_listId_fkey" FOREIGN KEY ("listId") REFERENCES public.lists (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Conversation" ADD CONSTRAINT "Conversation_organizationId_fkey" FOREIGN KEY ("organizationId") REFERENCES public.organizations (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public.messages ADD CONSTRAINT "messages_conversationId_fkey" FOREIGN KEY ("conversationId") REFERENCES public."Conversation" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public.messages ADD CONSTRAINT "messages_senderId_fkey" FOREIGN KEY ("senderId") REFERENCES public."User" (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public.messages ADD CONSTRAINT "messages_parentId_fkey" FOREIGN KEY ("parentId") REFERENCES public.messages (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."Notification" ADD CONSTRAINT "Notification_userId_fkey" FOREIGN KEY ("userId") REFERENCES public."User" (id) ON DELETE RESTRICT ON UPDATE CASCADE;
ALTER TABLE public."Notification" ADD CONSTRAINT "Notification_messageId_fkey" FOREIGN KEY ("messageId") REFERENCES public.messages (id) ON DELETE SET NULL ON UPDATE CASCADE;
ALTER TABLE public."_OrderToCoupon" ADD CONSTRAINT "_OrderToCoupon_A_fkey" FOREIGN KEY ("A") REFERENCES public."Order" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."_OrderToCoupon" ADD CONSTRAINT "_OrderToCoupon_B_fkey" FOREIGN KEY ("B") REFERENCES public."Coupon" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."_TaskToTaskLabel" ADD CONSTRAINT "_TaskToTaskLabel_A_fkey" FOREIGN KEY ("A") REFERENCES public."Task" (id) ON DELETE CASCADE ON UPDATE CASCADE;
ALTER TABLE public."_TaskToTaskLabel" ADD CONSTRAINT "_TaskToTaskLabel_B_fkey" FOREIGN KEY ("B") REFERENCES public."TaskLabel" (id) ON DELETE CASCADE ON UPDATE CASCADE;
