COPY t FROM stdin;
\.x
\\.
\.
copy public.t(a,"b")from STDIN with (format csv);
';$$/*
\.
COPY t FROM stdin;
\.
COPY (SELECT 1) TO stdout;
