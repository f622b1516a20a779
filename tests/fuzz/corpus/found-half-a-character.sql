SELECT pg_catalog.setval(E'\ud800', 1);
