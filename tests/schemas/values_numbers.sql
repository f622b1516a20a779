-- Numbers at the edges: NaN, infinities, minus zero, subnormals, 100 digits, trailing zeros, money.

CREATE TABLE public.floats (id integer PRIMARY KEY, double double precision, single real);
INSERT INTO public.floats VALUES
    (1, 'NaN', 'NaN'), (2, 'Infinity', 'Infinity'), (3, '-Infinity', '-Infinity'), (4, '-0', '-0'), (5, 0, 0),
    (6, 1e-308, 1e-38), (7, 5e-324, 1e-45), (8, 1.7976931348623157e308, 3.4028235e38), (9, 2.2250738585072014e-308, 1.1754944e-38),
    (10, 0.1::double precision + 0.2::double precision, 0.1::real + 0.2::real), (11, 1.0 / 3, 1.0 / 3),
    (12, 9007199254740993, 16777217), (13, 123456789012345678, 1e10), (14, 1e15, 1e6), (15, 1e16, 1e7), (16, 100, 100), (17, NULL, NULL);

CREATE TABLE public.numerics (id integer PRIMARY KEY, value numeric, scaled numeric(20, 6), negative_scale numeric(5, -2), tiny numeric(2, 5));
INSERT INTO public.numerics VALUES
    (1, 'NaN', 'NaN', 'NaN', 'NaN'), (2, 'Infinity', NULL, NULL, NULL), (3, '-Infinity', NULL, NULL, NULL),
    (4, 1, 1, 100, 0.00001), (5, 1.0, 1.0, 149, 0.00099), (6, 1.000000000000, 1.10, 151, -0.00099), (7, 0.00, 0.00, 0, 0),
    (8, '-0', '-0.0', -100, 0), (9, '0.1', '99999999999999.999999', 9999900, NULL),
    (10, repeat('1234567890', 10)::numeric, NULL, NULL, NULL),
    (11, (repeat('1234567890', 10) || '.' || repeat('0', 100))::numeric, NULL, NULL, NULL),
    (12, ('0.' || repeat('0', 99) || '1')::numeric, NULL, NULL, NULL),
    (13, ('9' || repeat('0', 5000))::numeric, NULL, NULL, NULL), (14, ('0.' || repeat('7', 5000))::numeric, NULL, NULL, NULL),
    (15, '1e100', NULL, NULL, NULL), (16, '1e-100', NULL, NULL, NULL);

CREATE TABLE public.integers (id integer PRIMARY KEY, small smallint, normal integer, big bigint, object oid);
INSERT INTO public.integers VALUES
    (1, -32768, -2147483648, -9223372036854775808, 0), (2, 32767, 2147483647, 9223372036854775807, 4294967295),
    (3, 0, 0, 0, NULL), (4, NULL, NULL, NULL, NULL), (-2147483648, 1, 1, 1, 1);

CREATE TABLE public.amounts (id integer PRIMARY KEY, price money);
INSERT INTO public.amounts VALUES (1, 0::money), (2, '-1.50'::numeric::money), (3, 92233720368547758.07::numeric::money), (4, NULL);

CREATE TABLE public.bits (id integer PRIMARY KEY, fixed bit(9), varying bit varying(20), unlimited bit varying, flag boolean);
INSERT INTO public.bits VALUES
    (1, B'000000000', B'', B'', false), (2, B'111111111', B'00000000000000000000', repeat('10', 500)::bit varying, true), (3, NULL, NULL, NULL, NULL);
