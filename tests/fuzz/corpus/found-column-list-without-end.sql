COPY t (a = b) FROM stdin;
\.
