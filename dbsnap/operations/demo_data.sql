-- What `dbsnap demo` works on: two migrations as Prisma would apply them, and then a few thousand rows.
-- Every value is written here or computed from a row's number, so that each run gives the same bytes.
-- A migration's checksum is the sha256 of the lines between its marker and the next one.

-- section: history
-- The table in which `prisma migrate deploy` keeps its history.
CREATE TABLE "_prisma_migrations" (
    "id" VARCHAR(36) PRIMARY KEY NOT NULL,
    "checksum" VARCHAR(64) NOT NULL,
    "finished_at" TIMESTAMPTZ,
    "migration_name" VARCHAR(255) NOT NULL,
    "logs" TEXT,
    "rolled_back_at" TIMESTAMPTZ,
    "started_at" TIMESTAMPTZ NOT NULL DEFAULT now(),
    "applied_steps_count" INTEGER NOT NULL DEFAULT 0
);

-- section: migration 20240101000000_init
-- CreateTable
CREATE TABLE "users" (
    "id" SERIAL NOT NULL,
    "email" TEXT NOT NULL,
    "name" TEXT,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "users_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "messages" (
    "id" SERIAL NOT NULL,
    "user_id" INTEGER NOT NULL,
    "body" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "messages_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "users_email_key" ON "users"("email");

-- CreateIndex
CREATE INDEX "messages_user_id_idx" ON "messages"("user_id");

-- AddForeignKey
ALTER TABLE "messages" ADD CONSTRAINT "messages_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;
-- section: migration 20240215120000_lists
-- CreateTable
CREATE TABLE "lists" (
    "id" SERIAL NOT NULL,
    "user_id" INTEGER NOT NULL,
    "parent_id" INTEGER,
    "name" TEXT NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "lists_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "list_properties" (
    "id" SERIAL NOT NULL,
    "list_id" INTEGER NOT NULL,
    "name" TEXT NOT NULL,
    "type" TEXT NOT NULL,
    "position" INTEGER NOT NULL DEFAULT 0,

    CONSTRAINT "list_properties_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "list_data_rows" (
    "id" SERIAL NOT NULL,
    "list_id" INTEGER NOT NULL,
    "data" JSONB NOT NULL,
    "created_at" TIMESTAMP(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "list_data_rows_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "lists_parent_id_idx" ON "lists"("parent_id");

-- CreateIndex
CREATE UNIQUE INDEX "list_properties_list_id_name_key" ON "list_properties"("list_id", "name");

-- CreateIndex
CREATE INDEX "list_data_rows_list_id_idx" ON "list_data_rows"("list_id");

-- AddForeignKey
ALTER TABLE "lists" ADD CONSTRAINT "lists_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "users"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "lists" ADD CONSTRAINT "lists_parent_id_fkey" FOREIGN KEY ("parent_id") REFERENCES "lists"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "list_properties" ADD CONSTRAINT "list_properties_list_id_fkey" FOREIGN KEY ("list_id") REFERENCES "lists"("id") ON DELETE CASCADE ON UPDATE CASCADE;

-- AddForeignKey
ALTER TABLE "list_data_rows" ADD CONSTRAINT "list_data_rows_list_id_fkey" FOREIGN KEY ("list_id") REFERENCES "lists"("id") ON DELETE CASCADE ON UPDATE CASCADE;
-- section: rows
INSERT INTO users (email, name, created_at)
SELECT
    lower(given) || '.' || n || '@example.com',
    CASE WHEN n % 17 <> 0 THEN given || ' ' || family END,
    TIMESTAMP '2024-01-02 08:00' + n * INTERVAL '1 hour 7 minutes 13.013 seconds'
FROM generate_series(1, 200) AS n,
    LATERAL (SELECT
        (ARRAY['Ada', 'Björn', 'Chloé', 'Dmitri', 'Esra', 'Farid', 'Grace', 'Hiro', 'Ines', 'Jürgen']
        )[1 + n % 10] AS given,
        (ARRAY['Adeyemi', 'O''Brien', 'Câmara', 'Dvořák', 'Eriksen', '渡辺', 'García']
        )[1 + n * 5 % 7] AS family) AS person
ORDER BY n;

INSERT INTO messages (user_id, body, created_at)
SELECT
    1 + n * 37 % 200,
    (ARRAY[
        'Are we still on for lunch?',
        'Done. See #' || n || ', and tell me what you think of it.',
        E'Two things:\n1. the report\n\t(it has tabs in it)\n2. the slides',
        'It''s in C:\temp\new, "as usual" 🙂',
        'Thanks!',
        'Grüße aus Köln — 今日は ' || n % 24 || ' °C',
        ''
    ])[1 + n % 7] || repeat(' And again.', n % 5),
    TIMESTAMP '2024-01-15 09:30' + n * INTERVAL '41 minutes 3.007 seconds'
FROM generate_series(1, 2400) AS n
ORDER BY n;

-- Lists four levels deep. The keys of one level are known when the next one refers to them: 1 to 100
-- are the roots, 101 to 300 their children, 301 to 400 and 401 to 450 the two levels below.
INSERT INTO lists (user_id, parent_id, name, created_at)
SELECT
    2 * n - 1, NULL, 'Everything of user ' || 2 * n - 1,
    TIMESTAMP '2024-02-16 07:00' + n * INTERVAL '3 hours 0.250 seconds'
FROM generate_series(1, 100) AS n
ORDER BY n;

INSERT INTO lists (user_id, parent_id, name, created_at)
SELECT
    parent.user_id, parent.id,
    (ARRAY['Books', 'Shopping', 'Places', 'Tasks'])[1 + n % 4],
    parent.created_at + n * INTERVAL '1 minute 1.001 seconds'
FROM generate_series(1, 200) AS n
JOIN lists AS parent ON parent.id = (n + 1) / 2
ORDER BY n;

INSERT INTO lists (user_id, parent_id, name, created_at)
SELECT
    parent.user_id, parent.id, parent.name || ' of ' || 2015 + n % 10,
    parent.created_at + n * INTERVAL '30 seconds'
FROM generate_series(1, 100) AS n
JOIN lists AS parent ON parent.id = 100 + 2 * n
ORDER BY n;

INSERT INTO lists (user_id, parent_id, name, created_at)
SELECT
    parent.user_id, parent.id, parent.name || ', the rest',
    parent.created_at + n * INTERVAL '15 seconds'
FROM generate_series(1, 50) AS n
JOIN lists AS parent ON parent.id = 300 + 2 * n
ORDER BY n;

INSERT INTO list_properties (list_id, name, type, position)
SELECT
    1 + n / 3,
    (ARRAY['title', 'price', 'tags'])[1 + n % 3],
    (ARRAY['text', 'number', 'list'])[1 + n % 3],
    n % 3
FROM generate_series(0, 1349) AS n
ORDER BY n;

INSERT INTO list_data_rows (list_id, data, created_at)
SELECT
    101 + n % 350,
    jsonb_build_object(
        'title', 'Item ' || n || E' "quoted", \\ and\nover two lines',
        'price', round(n * 137 % 10000 / 100.0, 2),
        'done', n % 3 = 0,
        'due', CASE WHEN n % 4 <> 0 THEN to_char(DATE '2024-03-01' + n % 300, 'YYYY-MM-DD') END,
        'tags', to_jsonb((ARRAY['home', 'work', 'später', '急'])[1 : n % 5]),
        'place', jsonb_build_object('lat', round((n % 180 - 90) / 8.0, 3), 'lon', round((n * 7 % 360 - 180) / 8.0, 3))
    ),
    TIMESTAMP '2024-03-01 12:00' + n * INTERVAL '13 minutes 0.499 seconds'
FROM generate_series(1, 1750) AS n
ORDER BY n;
