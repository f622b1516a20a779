-- Dates before Christ, infinities, microseconds, zones and offsets of history, intervals of mixed signs.

SET TimeZone = 'America/St_Johns';
SET DateStyle = 'ISO, YMD';

CREATE TABLE public.dates (id integer PRIMARY KEY, value date);
INSERT INTO public.dates VALUES
    (1, '0001-01-01 BC'), (2, '4714-11-24 BC'), (3, '5874897-12-31'), (4, 'infinity'), (5, '-infinity'), (6, '2024-02-29'),
    (7, '0001-01-01'), (8, '10000-01-01'), (9, NULL), (10, '1582-10-10'), (11, '1900-02-28');

CREATE TABLE public.timestamps (
    id integer PRIMARY KEY,
    plain timestamp,
    zoned timestamptz,
    seconds timestamptz(0),
    milliseconds timestamp(3)
);
INSERT INTO public.timestamps VALUES
    (1, '2024-01-01 00:00:00', '2024-01-01 00:00:00+00', '2024-01-01 00:00:00.5+00', '2024-01-01 00:00:00.0005'),
    (2, '2024-12-31 23:59:59.999999', '2024-12-31 23:59:59.999999+14', '2024-12-31 23:59:59.999999-12', '2024-12-31 23:59:59.9995'),
    (3, 'infinity', 'infinity', '-infinity', '-infinity'),
    (4, '4714-11-24 00:00:00 BC', '4714-11-24 00:00:00+00 BC', NULL, '0044-03-15 12:00:00 BC'),
    (5, '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00', NULL, NULL),
    (6, '1999-12-31 24:00:00', '1969-07-20 20:17:40+00', '1970-01-01 00:00:00+00', '1970-01-01 00:00:00'),
    -- Amsterdam was 19 minutes and 32 seconds ahead until 1937; clocks went back and forth in 2024.
    (7, '1910-01-01 00:00:00', '1910-01-01 00:00:00 Europe/Amsterdam', NULL, NULL),
    (8, '2024-10-27 02:30:00', '2024-10-27 02:30:00+02', '2024-10-27 02:30:00+01', NULL),
    (9, '2024-03-31 02:30:00', '2024-03-31 02:30:00 Europe/Amsterdam', NULL, NULL),
    (10, '2024-06-30 23:59:60', '2024-06-30 23:59:60+00', NULL, NULL),
    (11, '2024-01-01 00:00:00.000001', '2024-01-01 00:00:00.100000+05:45', NULL, '2024-01-01 00:00:00.1'),
    (12, NULL, NULL, NULL, NULL);

CREATE TABLE public.times (id integer PRIMARY KEY, plain time, zoned timetz, rounded time(2));
INSERT INTO public.times VALUES
    (1, '00:00:00', '00:00:00+00', '12:34:56.789'), (2, '24:00:00', '24:00:00-15:59:59', '23:59:59.99'), (3, '23:59:59.999999', '12:00:00.000001+05:30', NULL);

CREATE TABLE public.intervals (id integer PRIMARY KEY, value interval, months interval year to month, seconds interval second(2));
INSERT INTO public.intervals VALUES
    (1, '0', '1 year 2 months', '1.239 seconds'), (2, '1 month', '-1 month', '-1.5 seconds'), (3, '30 days', NULL, NULL),
    (4, '-1 year -2 months +3 days -04:05:06.000007', NULL, NULL), (5, '1 day -00:00:01', NULL, NULL), (6, '178000000 years', NULL, NULL),
    (7, '2562047788:00:54.775807', NULL, NULL), (8, '-0.000001 seconds', NULL, NULL), (9, '24 hours', NULL, NULL), (10, '1 month -30 days', NULL, NULL),
    (11, NULL, NULL, NULL);

CREATE TABLE public.time_defaults (
    id integer PRIMARY KEY,
    made_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,
    day date DEFAULT CURRENT_DATE,
    later timestamptz DEFAULT (now() + interval '1 month -2 days'),
    fixed timestamptz DEFAULT '2024-01-01 00:00:00+00',
    zone timestamp DEFAULT (now() AT TIME ZONE 'utc')
);
INSERT INTO public.time_defaults VALUES (1, '2024-01-01 12:00:00+00', '2024-01-01', '2024-02-01 00:00:00+00', DEFAULT, '2024-01-01 00:00:00');
