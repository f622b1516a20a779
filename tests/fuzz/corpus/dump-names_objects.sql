CREATE SEQUENCE public.sxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE SEQUENCE public.sxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE SEQUENCE public."séééééééééééééééééééééééééééééé1"
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE VIEW public."v
\! echo owned
SELECT 'owned';" AS
 SELECT 1 AS x;
CREATE VIEW public.vblank AS
 SELECT " blank",
    label
   FROM public." blank";
CREATE VIEW public."vlank " AS
 SELECT "blank ",
    label
   FROM public."blank ";
CREATE VIEW public.vst AS
 SELECT "1st",
    label
   FROM public."1st";
CREATE TABLE public.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa (
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa integer,
    label public.txxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa,
    CONSTRAINT cxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa CHECK ((xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa > 0))
);
CREATE VIEW public.vxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa AS
 SELECT xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa,
    label
   FROM public.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxa;
CREATE TABLE public.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb (
    xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb integer,
    label public.txxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb,
    CONSTRAINT cxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb CHECK ((xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb > 0))
);
CREATE VIEW public.vxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb AS
 SELECT xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb,
    label
   FROM public.xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxb;
CREATE TABLE public."ééééééééééééééééééééééééééééééé1" (
    "ééééééééééééééééééééééééééééééé1" integer,
    label public."téééééééééééééééééééééééééééééé1",
    CONSTRAINT "céééééééééééééééééééééééééééééé1" CHECK (("ééééééééééééééééééééééééééééééé1" > 0))
);
CREATE VIEW public."véééééééééééééééééééééééééééééé1" AS
 SELECT "ééééééééééééééééééééééééééééééé1",
    label
   FROM public."ééééééééééééééééééééééééééééééé1";
ALTER TABLE ONLY public."T ""1"""
    ADD CONSTRAINT "exclude /*" EXCLUDE USING btree ("generated ""g""" WITH =);
ALTER TABLE ONLY public."T ""1"""
    ADD CONSTRAINT "primary key" PRIMARY KEY ("id ""x""");
AL