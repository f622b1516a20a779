-- Data for Name: t
CREATE TABLE t PARTITION OF t;
